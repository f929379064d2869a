/**
 * The target's events, asked for in the order of the source. A server may refuse one append and take others that were in
 * flight with it; so what comes early is held, within what can be in flight, until its turn.
 */
import { checkSame, conflict, sizeOf, type CopiedEvent } from './event.js';
import { isBeyond, type CopyLimits } from './limits.js';

export class Lookahead {
  private readonly early = new Map<string, CopiedEvent>();
  private bytes = 0;
  private ended = false;

  constructor(
    private readonly events: AsyncGenerator<CopiedEvent>,
    private readonly limits: CopyLimits,
  ) {}

  /** The target is read to its end, and everything in it was asked for. */
  get settled(): boolean {
    return this.ended && this.early.size === 0;
  }

  /** What the target has at the stream and revision of `wanted`. @throws Conflict where it has too much else before */
  async find(wanted: CopiedEvent): Promise<CopiedEvent | undefined> {
    const key = placeOf(wanted);
    const early = this.early.get(key);
    if (early) {
      this.early.delete(key);
      this.bytes -= sizeOf(early);
      return early;
    }
    for (;;) {
      const next = await this.read();
      if (!next || placeOf(next) === key) return next;
      this.early.set(placeOf(next), next);
      this.bytes += sizeOf(next);
      if (isBeyond(this.limits, this.early.size, this.bytes)) throw conflict('event', wanted, this.earliest());
    }
  }

  /** @throws Conflict where the target has more than was asked for @param missing what it lacks, to be named with it */
  async checkEnd(missing?: CopiedEvent): Promise<void> {
    checkSame(undefined, this.early.size === 0 ? await this.read() : undefined);
    if (this.early.size > 0) throw conflict('event', missing, this.earliest());
  }

  /** Ends the reading, wherever it stands. */
  async close(): Promise<void> {
    await this.events.return(undefined);
  }

  private async read(): Promise<CopiedEvent | undefined> {
    const next = this.ended ? undefined : await this.events.next();
    if (!next || next.done) this.ended = true;
    return next?.done ? undefined : next?.value;
  }

  private earliest(): CopiedEvent | undefined {
    return this.early.values().next().value;
  }
}

const placeOf = ({ stream, revision }: CopiedEvent) => `${revision}@${stream}`;
