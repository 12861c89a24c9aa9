// One check after the other, each with a line that says how it went.

/** How many have failed. */
export let failed = 0;

export async function attempt(name, run) {
  const begun = Date.now();
  try {
    await run();
    console.log(`ok    ${name} (${Date.now() - begun} ms)`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${name}\n      ${String(error.stack ?? error).replace(/\n/g, "\n      ")}`);
  }
}
