import { Clock } from '../../src/application/runtime/clock.js';
import type { Random } from '../../src/testing/random.js';
import type { Timeline } from './timeline.js';

export type Happenings = Readonly<{ count: (what: string) => void; tell: (line: () => string) => void }>;

/** When a machine dies: at its n-th request to anything outside it, before the request is sent or before it is answered. */
export type Doom = { request: number; moment: 'before' | 'after' };

const SLOW_MS = 2_000;

/**
 * One process, from its start to its death. Its requests to the world go through `ask`; answers and signals from the world
 * come through `tell`. A dead machine sends and receives nothing, a frozen machine receives everything later.
 */
export class Machine {
  isAlive = true;
  readonly bornAt: number;
  frozenUntil = 0;
  /** How far its clock is ahead of the true time. */
  skewMs = 0;
  doom: Doom | null = null;
  /** The share of requests and answers that are slow. */
  slowShare = 0;
  private asked = 0;
  /** What arrived while it was frozen. */
  private readonly unheard: (() => void)[] = [];
  private readonly farewells: (() => void)[] = [];

  constructor(
    readonly name: string,
    readonly timeline: Timeline,
    readonly random: Random,
    private readonly happenings: Happenings,
    /** Called with the machine that is about to run: all until the next entry of the timeline is its doing. */
    private readonly enters: (machine: Machine) => void,
  ) {
    this.bornAt = timeline.now;
  }

  /** A request and its answer, each with a latency. What `serve` throws is the answer, too. */
  ask<T>(what: string, serve: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.isAlive) return;
      const doomed = this.doom && ++this.asked >= this.doom.request ? this.doom.moment : null;
      if (doomed === 'before') return this.die(`before ${what}`);
      this.timeline.after(this.latency(), () => {
        let answer: () => void;
        try {
          const value = serve();
          answer = () => resolve(value);
        } catch (error) {
          answer = () => reject(error instanceof Error ? error : new Error(String(error)));
        }
        if (doomed === 'after') return this.die(`after ${what}`);
        this.timeline.after(this.latency(), () => this.tell(answer));
      });
    });
  }

  tell(act: () => void): void {
    if (!this.isAlive) return;
    const isFrozen = this.timeline.now < this.frozenUntil;
    if (!isFrozen && this.unheard.length === 0) return this.hear(act);
    this.unheard.push(act);
    if (this.unheard.length === 1) this.thaw();
  }

  /** Runs what arrived, one entry after the other and in order, once the machine is no longer frozen. */
  private thaw(): void {
    const { timeline } = this;
    timeline.after(this.frozenUntil - timeline.now, () => {
      if (!this.isAlive) return;
      if (timeline.now >= this.frozenUntil) this.hear(this.unheard.shift()!);
      if (this.unheard.length > 0) this.thaw();
    });
  }

  private hear(act: () => void): void {
    this.enters(this);
    act();
  }

  die(where: string): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.happenings.count('kill');
    this.happenings.tell(() => `${this.name} is killed ${where}`);
    for (const farewell of this.farewells) farewell();
  }

  /** Runs at the machine's death, when others see its connections close. */
  onDeath(farewell: () => void): void {
    this.farewells.push(farewell);
  }

  private latency(): number {
    const isSlow = this.slowShare > 0 && this.random.chance(this.slowShare);
    return isSlow ? this.random.between(3, SLOW_MS) : this.random.between(0, 3);
  }
}

/** The machine's own clock. A wake-up at a time of day is a timer that reads the clock again, as in the real clock. */
const LOOK_AGAIN_MS = 60_000;

export class MachineClock extends Clock {
  constructor(private readonly machine: Machine) {
    super();
  }

  now(): Date {
    return new Date(this.machine.timeline.now + this.machine.skewMs);
  }

  wakeAt(at: Date, wake: () => void): () => void {
    const remaining = () => at.getTime() - this.now().getTime();
    let cancel: () => void;
    const wait = () => (cancel = this.wakeAfter(Math.min(remaining(), LOOK_AGAIN_MS), look));
    const look = () => {
      if (remaining() > 0) wait();
      else wake();
    };
    wait();
    return () => cancel();
  }

  wakeAfter(ms: number, wake: () => void): () => void {
    const { machine } = this;
    let isCancelled = false;
    const entry = machine.timeline.after(ms, () => machine.tell(() => isCancelled || wake()));
    return () => {
      isCancelled = true;
      entry.act = null;
    };
  }
}
