// Single-page applications: tells when the address changes without a page load.

/** Calls back after each change of the address by the history or the fragment. */
export function watchRoutes(changed: () => void): void {
  for (const method of ["pushState", "replaceState"] as const) {
    const original = history[method];
    history[method] = function (this: History, ...args) {
      const before = location.href;
      original.apply(this, args);
      if (location.href !== before) changed();
    };
  }
  for (const event of ["popstate", "hashchange"]) addEventListener(event, changed);
}
