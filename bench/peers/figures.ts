/** What a table, a chart and the aims say of what was measured. */
import type { Bars } from '../chart.js';
import { table, times, type Ratio, type Section } from '../report.js';
import { median, percentile, spread } from '../rounds.js';
import type { Variant } from '../settings.js';
import type { Measured } from './contender.js';

/** Not durable step by step, so no peer in this sense. */
const FLOOR = 'pg-boss';
const AIM_THROUGHPUT = { A: 1.2, B: 2 } as const;
const AIM_LATENCY = 0.7;
const AIM_TWO = 1.5;

const TITLE = { A: 'each step a function in process', B: 'each step a POST to another process' } as const;

/** What was measured of one contender on one Node: in each round, in each concurrency. */
export type Row = Readonly<{ name: string; node: string; rounds: readonly (readonly Measured[])[] }>;

/** One contender on one Node, in the concurrency in which it was fastest; each list has a figure for each round. */
type Figures = Readonly<{
  name: string;
  node: string;
  inFlight: number;
  /** Workflows per second, until nothing was left to be done. */
  rates: readonly number[];
  /** The same until the last end was stored. */
  completed: readonly number[];
  /** p50 of one workflow alone, ms, in the concurrency in which it was lowest. */
  alone: readonly number[];
  /** The same until the end is stored. */
  aloneStored: readonly number[];
  /** For 1,000 workflows. */
  cpu: readonly number[];
  /** Megabytes, the highest of each round. */
  resident: readonly number[];
}>;

const rate = ({ workflows, seconds }: Measured): number => workflows / seconds;

const figuresOf = ({ name, node, rounds }: Row): Figures => {
  const settings = (rounds[0] ?? []).map((_, at) => rounds.map((round) => round[at]!));
  const fastest = [...settings].sort((a, b) => median(b.map(rate)) - median(a.map(rate)))[0]!;
  const lowest = (of: (measured: Measured) => readonly number[]) => {
    const latencies = settings.map((rounds) => rounds.map((measured) => percentile(of(measured), 0.5)));
    return [...latencies].sort((a, b) => median(a) - median(b))[0]!;
  };
  return {
    name,
    node,
    inFlight: fastest[0]!.inFlight,
    rates: fastest.map(rate),
    completed: fastest.map(({ workflows, completedSeconds }) => workflows / completedSeconds),
    alone: lowest(({ aloneMs }) => aloneMs),
    aloneStored: lowest(({ aloneStoredMs }) => aloneStoredMs),
    cpu: fastest.map(({ cpuSeconds, workflows }) => (cpuSeconds * 1_000) / workflows),
    resident: fastest.map(({ residentMegabytes }) => residentMegabytes),
  };
};

type About = Readonly<{ workflows: number; versions: string }>;

export const section = (variant: Variant, { workflows, versions }: About, rows: readonly Row[]): Section => {
  const all = rows.map(figuresOf);
  const share = ({ rates, node }: Figures) => {
    const best = bestPeer(all, node);
    return best ? (median(rates) / median(best.rates)).toFixed(2) : '-';
  };
  return {
    title: `Variant ${variant}: ${TITLE[variant]}; ${workflows.toLocaleString('en')} workflows of six steps of 1 KB`,
    table: `${table(
      [
        'contender',
        'Node',
        'workflows/s',
        'of the best peer',
        'in flight',
        'until all are stored',
        'p50 alone, ms',
        'until it is stored',
        'CPU s per 1,000',
        'resident MB, highest',
      ],
      all.map((each) => [
        ...[each.name, each.node, times(each.rates, 0), share(each), String(each.inFlight)],
        ...[
          times(each.completed, 0),
          times(each.alone, 1),
          times(each.aloneStored, 0),
          times(each.cpu, 1),
          times(each.resident, 0),
        ],
      ]),
    )}\n\n${versions}`,
    ratios: [...new Set(all.map(({ node }) => node))].flatMap((node) => aims(variant, all, node)),
    raw: rows,
    chart: bars(variant, all),
  };
};

const peersOn = (all: readonly Figures[], node: string): readonly Figures[] =>
  all.filter((each) => each.node === node && !each.name.startsWith('ours') && each.name !== FLOOR);

const bestPeer = (all: readonly Figures[], node: string): Figures | undefined =>
  [...peersOn(all, node)].sort((a, b) => median(b.rates) - median(a.rates))[0];

/** Like is compared with like: on the same Node. */
const aims = (variant: Variant, all: readonly Figures[], node: string): Ratio[] => {
  const [peers, best] = [peersOn(all, node), bestPeer(all, node)];
  const named = (wanted: string) => all.find((each) => each.node === node && each.name === wanted);
  const [ours, two] = [named('ours'), named('ours x2')];
  const atLeast = (name: string, value: number, aim: number): Ratio => ({
    ...{ name: `${name}, Node ${node}`, value, aim: `>= ${aim}`, met: value >= aim },
  });
  const atMost = (name: string, value: number, aim: number): Ratio => ({
    ...{ name: `${name}, Node ${node}`, value, aim: `<= ${aim}`, met: value <= aim },
  });
  const lowest = (of: (figures: Figures) => readonly number[]) => Math.min(...peers.map((peer) => median(of(peer))));
  return [
    ...(ours && best
      ? [
          atLeast(`workflows/s, ours / ${best.name}`, median(ours.rates) / median(best.rates), AIM_THROUGHPUT[variant]),
          atMost('p50 alone, ours / lowest peer', median(ours.alone) / lowest(({ alone }) => alone), AIM_LATENCY),
          atMost('CPU, ours / lowest peer', median(ours.cpu) / lowest(({ cpu }) => cpu), 1),
        ]
      : []),
    ...(ours && two
      ? [atLeast('workflows/s, two instances / one', median(two.rates) / median(ours.rates), AIM_TWO)]
      : []),
  ];
};

const severalNodes = (all: readonly Figures[]): boolean => new Set(all.map(({ node }) => node)).size > 1;

const bars = (variant: Variant, all: readonly Figures[]): Bars => ({
  title: `Workflows per second, ${TITLE[variant]}`,
  bars: all.map(({ name, node, rates }) => ({
    ...{ name: severalNodes(all) ? `${name}, ${node}` : name, isOurs: name.startsWith('ours') },
    ...spread(rates),
  })),
});
