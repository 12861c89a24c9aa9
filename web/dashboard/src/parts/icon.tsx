// The few icons, drawn here: no icon font, no request.

const PATHS = {
  menu: "M3 8h.01M8 8h.01M13 8h.01",
  close: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  down: "M4 6l4 4 4-4",
  copy: "M6 6h7v7H6zM3 10V3h7",
  check: "M3 8.5l3.5 3.5L13 5",
  up: "M8 13V3M4 7l4-4 4 4",
  lock: "M4 7.5h8V13H4zM5.5 7.5V5a2.5 2.5 0 015 0v2.5",
  help: "M6 6.2A2 2 0 119 8c-.7.4-1 .8-1 1.5M8 12h.01",
} as const;

export const Icon = ({ name }: { name: keyof typeof PATHS }) => (
  <svg class={`icon icon-${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);

/** The mark: a finger before closed lips, as far as sixteen pixels allow: a circle kept, a voice withheld. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
    <circle cx="12" cy="12" r="10" />
    <path d="M7.5 13.2c1.4 1.2 2.9 1.8 4.5 1.8s3.1-.6 4.5-1.8" />
    <path d="M12 6.5v11.5" />
  </svg>
);
