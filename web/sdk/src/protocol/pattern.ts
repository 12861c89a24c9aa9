// The pattern language of channels.toml for user agents (spec/channels.md §3), by way of regular expressions.

/** `A`–`Z` alone: toLowerCase() would also fold the Kelvin sign and the dotted I. */
export const lowerAscii = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Whether an agent, already in ASCII lower case, fits a pattern: all pieces must hold. */
export const fits = (pattern: string, agent: string): boolean =>
  pattern.split(" & ").every((piece) => holds(piece, agent));

function holds(piece: string, agent: string): boolean {
  const isAbsent = piece.startsWith("!");
  const [, start, text, end] = /^([\^*]?)(.*?)([$*]?)$/.exec(isAbsent ? piece.slice(1) : piece)!;
  const literal = text!.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&").replace(/#/g, "[0-9]");
  const before = start === "^" ? "^" : !start && /^[a-z]/.test(text!) ? "(?:^|[^a-z])" : "";
  const after = end === "$" ? "$" : !end && /[a-z]$/.test(text!) ? "(?![a-z])" : "";
  return new RegExp(before + literal + after).test(agent) !== isAbsent;
}
