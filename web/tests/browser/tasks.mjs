// How long the tasks of a page's main thread keep the processor, from Chromium's own trace. Time on the clock would
// also hold what other programs did meanwhile.

/** Traces a page while `act` runs; gives the processor time of each task of its main thread, in ms. */
export async function taskTimes(browser, page, act) {
  await browser.startTracing(page, {
    categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"],
  });
  await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const threads = traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
  const isMain = ({ pid, tid }) => threads.some((thread) => thread.pid === pid && thread.tid === tid);
  const tasks = traceEvents.filter((event) => /RunTask$/.test(event.name) && event.tdur !== undefined && isMain(event));
  if (!tasks.length) throw new Error("the trace has no tasks");
  return tasks.map(({ tdur }) => tdur / 1000);
}
