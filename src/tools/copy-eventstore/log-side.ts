/** One log of a copy: gives its events and keeps what is compared after them, metadata and tombstones. */
import { kindOf, sizeOf, type CopiedEvent } from './event.js';
import type { CopyLimits } from './limits.js';
import type { Server } from './server.js';

export class LogSide {
  readonly metadata = new Map<string, CopiedEvent[]>();
  readonly tombstones = new Map<string, CopiedEvent>();
  private kept = 0;
  private bytes = 0;

  constructor(
    readonly server: Server,
    private readonly limits: CopyLimits,
  ) {}

  /** @param head the last position to read; without it, to the end */
  async *events(head?: bigint): AsyncGenerator<CopiedEvent> {
    for await (const event of this.server.log()) {
      if (head !== undefined && event.position > head) return;
      const kind = kindOf(event);
      if (kind === 'event') yield event;
      else if (kind) this.keep(kind, event);
    }
  }

  /** Streams that are soft-deleted, by the metadata read so far: a server that is to append to one writes metadata itself. */
  deleted(): Set<string> {
    const deleted = new Set<string>();
    for (const [stream, events] of this.metadata) if (isDeletion(events.at(-1))) deleted.add(stream.slice(2));
    return deleted;
  }

  private keep(kind: 'metadata' | 'tombstone', event: CopiedEvent): void {
    this.kept += 1;
    this.bytes += sizeOf(event);
    const { keptEvents, keptBytes } = this.limits;
    if (this.kept > keptEvents || this.bytes > keptBytes) {
      throw new Error(
        `The ${this.server.name} has more stream metadata and tombstones than are kept in memory: expected at most ` +
          `${keptEvents} events and ${keptBytes} bytes, came to "${event.stream}" revision ${event.revision}. ` +
          'Allow more with --kept-events and --kept-mib.',
      );
    }
    if (kind === 'tombstone') this.tombstones.set(event.stream, event);
    else {
      const before = this.metadata.get(event.stream);
      if (before) before.push(event);
      else this.metadata.set(event.stream, [event]);
    }
  }
}

function isDeletion(event: CopiedEvent | undefined): boolean {
  try {
    const metadata = JSON.parse(Buffer.from(event?.data ?? []).toString()) as { $tb?: unknown } | null;
    return Number(metadata?.$tb ?? 0) >= DELETED;
  } catch {
    return false; // metadata that servers cannot read delete nothing
  }
}

/** The largest revision, as a double: JSON's numbers cannot tell it from its neighbours. */
const DELETED = 2 ** 63;
