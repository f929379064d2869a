import type { Rebuild } from '../../src/domain/projection/rebuild.js';

export type Measured = Readonly<{
  during: Readonly<{ p50: number; p99: number; failed: number }>;
  seconds: number;
  lag: number;
  rate: number;
  reports: readonly Readonly<{ name: string; rebuild: Rebuild }>[];
}>;

export const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { maximumFractionDigits: digits });

/** Rows of a table: what one rebuild of all read tables was like. */
export const lines = ({ during, seconds, lag, reports, rate }: Measured): string[][] => [
  ['events/s', number(rate)],
  ['from the request to the swap, s', number(seconds, 1)],
  ['lag of the live tables, events, at most', number(lag)],
  ['reads during, p50 / p99, ms', `${number(during.p50, 1)} / ${number(during.p99, 1)}`],
  ['reads that failed', number(during.failed)],
  ...reports.map(({ name, rebuild: { phase, comparison: c } }) => [
    name,
    `${phase}: ${number(c!.live)} rows, ${c!.added} added, ${c!.removed} removed, ${c!.changed} changed`,
  ]),
];
