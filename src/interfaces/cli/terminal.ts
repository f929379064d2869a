/** What a terminal is sent. */

/** What comes from agents and callers may hold what a terminal obeys. */
export const plain = (text: string): string => text.replace(/\p{C}/gu, '\u{FFFD}');

type Output = Readonly<{ isTTY?: boolean }>;
export type Colour = 'green' | 'yellow' | 'red' | 'dim';

const CODES: Readonly<Record<Colour, number>> = { green: 32, yellow: 33, red: 31, dim: 2 };

/** Colours on a terminal whose user has not declined them (https://no-color.org), the text as it is elsewhere. */
export const painter = (output: Output, env: NodeJS.ProcessEnv): ((colour: Colour, text: string) => string) => {
  const isColoured = output.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return (colour, text) => (isColoured ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text);
};
