/** Denied requests of one minute as sums: however many there are, so many entries come of them and no more. */
import { unreachable } from '../../domain/decider.js';
import type { AccessLogEvent, Denial, Sum } from '../../domain/access/log.js';

/** Different subjects and routes that are told apart in one minute, on one instance. */
export const MOST_DENIALS = 100;

type Counted = { count: number; from: string; until: string };

export class DenialSums {
  private readonly sums = new Map<string, Readonly<{ denial: Denial; sum: Counted }>>();
  private further: Counted | null = null;

  constructor(private readonly most = MOST_DENIALS) {}

  add(denial: Denial, now: Date): void {
    const at = now.toISOString();
    const key = keyOf(denial);
    const known = this.sums.get(key);
    if (known) count(known.sum, at);
    else if (this.sums.size < this.most) this.sums.set(key, { denial, sum: { count: 1, from: at, until: at } });
    else if (this.further) count(this.further, at);
    else this.further = { count: 1, from: at, until: at };
  }

  /** What was added since the last time. */
  take(): readonly AccessLogEvent[] {
    const taken: AccessLogEvent[] = [...this.sums.values()].map(({ denial, sum }) => ({
      type: 'AccessDenied',
      data: { ...denial, ...sum },
    }));
    if (this.further) taken.push({ type: 'FurtherAccessDenied', data: this.further });
    this.sums.clear();
    this.further = null;
    return taken;
  }
}

const keyOf = ({ who, address, route, code, permission }: Denial): string =>
  JSON.stringify([who && [who.type, who.issuer ?? null, who.id], address, route, code, permission]);

const count = (sum: Counted, at: string): void => {
  sum.count += 1;
  sum.until = at;
};

/** What an entry stands for, where it has to be counted and not kept. */
export const sumOf = (entry: AccessLogEvent): Sum => {
  const { type, data } = entry;
  switch (type) {
    case 'AuditPackExported':
    case 'SignedIn':
    case 'SignedInFreshly':
      return { count: 1, from: data.at, until: data.at };
    case 'AccessDenied':
    case 'FurtherAccessDenied':
    case 'AccessLogEntriesLost':
      return data;
    default:
      return unreachable(entry);
  }
};
