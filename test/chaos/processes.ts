/** The processes of the trial: each restarts when it ends, and none outlives the trial. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { startChild, type Child } from '../support/child.js';
import type { Random } from './random.js';

export type Life = Readonly<{ pid: number; endedBy: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP'; at: number }>;

const START_LIMIT_MS = 90_000;

/** A process that the trial kills, stops and starts again, by one action at a time. */
export class Victim {
  /** The kills and stops of this process, in milliseconds since 1970. */
  readonly lives: Life[] = [];
  /** When it served others: from being ready to SIGKILL, SIGTERM or SIGSTOP. */
  readonly ups: { from: number; to: number }[] = [];
  /** Violations: an end without a signal of the trial, or an end that took too long. */
  readonly misdeeds: string[] = [];
  /** Ends on SIGTERM that were cut short, with an exit code other than 0. */
  cutShort = 0;
  private child: Child | undefined;
  private busy = false;

  constructor(
    readonly name: string,
    private readonly program: URL,
    private readonly ready: RegExp,
    private env: NodeJS.ProcessEnv,
  ) {}

  get isBusy(): boolean {
    return this.busy;
  }

  async start(): Promise<void> {
    const child = startChild(this.program, [], this.env);
    this.child = child;
    const died = once(child.process, 'exit').then(() => {
      throw new Error(`${this.name} ended while it started: ${child.output().slice(-2_000)}`);
    });
    died.catch(() => undefined);
    await Promise.race([child.printed(this.ready, { deadlineMs: START_LIMIT_MS, everyMs: 50 }), died]);
    this.ups.push({ from: Date.now(), to: Infinity });
  }

  /** Ends it, waits, and starts it again, with as many tries as the start needs under the faults. */
  killAndRestart(signal: 'SIGKILL' | 'SIGTERM', awayMs: number): Promise<void> {
    return this.alone(async () => {
      await this.end(signal);
      await delay(awayMs);
      await this.startSomehow();
    });
  }

  freeze(ms: number): Promise<void> {
    return this.alone(async () => {
      this.note('SIGSTOP');
      this.child?.process.kill('SIGSTOP');
      await delay(ms);
      this.child?.process.kill('SIGCONT');
      this.ups.push({ from: Date.now(), to: Infinity });
    });
  }

  /** @param env the environment from now on */
  move(env: NodeJS.ProcessEnv): Promise<void> {
    return this.alone(async () => {
      await this.end('SIGTERM');
      this.env = env;
      await this.startSomehow();
    });
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.process.exitCode !== null || child.process.signalCode !== null) return;
    this.note(signal, child);
    child.process.kill('SIGCONT');
    const before = performance.now();
    await child.kill(signal);
    const took = performance.now() - before;
    const { exitCode } = child.process;
    if (signal === 'SIGTERM' && exitCode !== 0) this.cutShort += 1;
    if (took > 30_000) this.misdeeds.push(`${this.name} took ${Math.round(took)} ms to end`);
  }

  /** Whether it runs; a process that has ended by itself is a violation, and is started again. */
  async seeTo(): Promise<void> {
    const { child } = this;
    if (this.busy || !child || (child.process.exitCode === null && child.process.signalCode === null)) return;
    this.misdeeds.push(`${this.name} ended by itself with ${child.process.exitCode}: ${child.output().slice(-1_000)}`);
    await this.alone(() => this.startSomehow());
  }

  output(): string {
    return this.child?.output() ?? '';
  }

  /** Tries until it has started: what it needs may be away at the moment. @param env the environment from now on */
  async startSomehow(env = this.env): Promise<void> {
    this.env = env;
    for (const giveUpAt = Date.now() + START_LIMIT_MS; ;) {
      try {
        return await this.start();
      } catch (error) {
        this.child?.process.kill('SIGKILL');
        if (Date.now() > giveUpAt) throw error;
        await delay(500);
      }
    }
  }

  private note(endedBy: Life['endedBy'], child = this.child): void {
    const up = this.ups.at(-1);
    if (up?.to === Infinity) up.to = Date.now();
    if (child?.process.pid) this.lives.push({ pid: child.process.pid, endedBy, at: Date.now() });
  }

  private async alone(act: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      await act();
    } finally {
      this.busy = false;
    }
  }
}

/** Below the system's range of client ports, so that it is still free after a restart. */
export const quietPort = async (random: Random): Promise<number> => {
  for (;;) {
    const port = random.between(20_000, 30_000);
    const probe = createServer().listen(port, '127.0.0.1');
    const isFree = await Promise.race([
      once(probe, 'listening').then(() => true),
      once(probe, 'error').then(() => false),
    ]).catch(() => false);
    probe.close();
    if (isFree) return port;
  }
};
