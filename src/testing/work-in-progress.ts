import { afterRealMs, settle } from './real-time.js';

type Working = Readonly<{
  /** The agent waits for virtual time until `wait` has settled. */
  waits: (wait: Promise<void>) => Promise<void>;
  end: () => void;
}>;

/** The agents that are at work in real time: as long as one is, virtual time stands still. */
export class WorkInProgress {
  private readonly names = new Map<symbol, string>();
  private rested: () => void = () => undefined;

  /** @param realMs how long one may take, as its author may wait for what never comes */
  constructor(private readonly realMs: number) {}

  /** Work whose result nobody wants any longer, as `signal` says, is not waited for. */
  begin(name: string, signal: AbortSignal): Working {
    const key = Symbol(name);
    let waits = 0;
    let hasEnded = false;
    const change = () => {
      if (waits === 0 && !hasEnded) this.names.set(key, name);
      else this.names.delete(key);
      if (this.names.size === 0) this.rested();
    };
    const end = () => {
      hasEnded = true;
      change();
    };
    signal.addEventListener('abort', end, { once: true });
    change();
    const waitsFor = async (wait: Promise<void>) => {
      waits++;
      change();
      await wait;
      waits--;
      change();
    };
    return { waits: waitsFor, end };
  }

  /** Resolves when nothing can go on without virtual time. @throws Error that names the agent which takes too long */
  async settled(): Promise<void> {
    for (await settle(); this.names.size > 0; await settle()) await this.rest();
  }

  private rest(): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () =>
        reject(
          new Error(
            `Virtual time stands still, as ${[...this.names.values()].join(' and ')} has been at work for ${this.realMs} ms of ` +
              'real time (limits.realTime): fake what it waits for, or have it wait with context.wait()',
          ),
        );
      const cancel = afterRealMs(this.realMs, late);
      this.rested = () => {
        cancel();
        resolve();
      };
    });
  }
}
