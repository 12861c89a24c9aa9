// Work in idle time, in slices: no task of the page's thread may become long (50 ms).

/** How long a slice may go on before the page breathes. One element's work comes on top. */
const SLICE_MS = 12;

/** Resolves when the page is idle, or after a while if it never is. */
export const whenIdle = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof requestIdleCallback === "function") requestIdleCallback(() => resolve(), { timeout: 500 });
    else setTimeout(resolve, 1);
  });

/** A pause that waits for idle time whenever a slice is used up. */
export function idlePause(): () => Promise<void> {
  let begun = -Infinity;
  return async () => {
    if (performance.now() - begun < SLICE_MS) return;
    await whenIdle();
    begun = performance.now();
  };
}
