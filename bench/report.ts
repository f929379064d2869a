import type { Bars } from './chart.js';
import { spread } from './rounds.js';

export type Ratio = Readonly<{ name: string; value: number; aim: string; met: boolean }>;

export type Section = Readonly<{
  title: string;
  table: string;
  ratios: readonly Ratio[];
  raw: unknown;
  chart?: Bars;
}>;

/** `median (min to max)` */
export function times(values: readonly number[], digits: number): string {
  const { median, min, max } = spread(values);
  const text = (value: number) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return values.length > 1 ? `${text(median)} (${text(min)} to ${text(max)})` : text(median);
}

/** Markdown, its columns aligned. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

export function print({ title, table: text, ratios }: Section): string {
  const verdicts = ratios.map(
    ({ name, value, aim, met }) => `- ${name}: ${value.toFixed(2)} (aim ${aim}: ${met ? 'met' : 'not met'})`,
  );
  return `## ${title}\n\n${text}\n${verdicts.length > 0 ? `\n${verdicts.join('\n')}\n` : ''}`;
}
