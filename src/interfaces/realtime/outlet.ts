/** How much goes to one client, and comes from it. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

/**
 * What is sent to one client in one turn of the process goes out with one call of the system. With many clients those calls are
 * most of the work, and where changes come faster than they can be sent there are more of them in a turn.
 */
export class Outlet {
  private isHeld = false;

  /** @param wire what the socket writes to */
  constructor(
    private readonly socket: WebSocket,
    private readonly wire: Duplex,
  ) {}

  send(frame: string | Buffer): void {
    if (!this.isHeld) {
      this.isHeld = true;
      this.wire.cork();
      process.nextTick(() => this.flush());
    }
    this.socket.send(frame, { binary: false });
  }

  /** Whether the client has more to take than so much; what was only held back does not count. */
  hasMoreThan(bytes: number): boolean {
    if (this.socket.bufferedAmount <= bytes) return false;
    this.flush();
    return this.socket.bufferedAmount > bytes;
  }

  private flush(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.wire.uncork();
  }
}

/** Messages of one client, second by second. */
export class MessageRate {
  private since = -Infinity;
  private messages = 0;

  constructor(private readonly perSecond: number) {}

  /** Counts a message. @param now milliseconds, from any beginning */
  isTooMany(now: number): boolean {
    if (now - this.since >= 1_000) [this.since, this.messages] = [now, 0];
    return ++this.messages > this.perSecond;
  }
}
