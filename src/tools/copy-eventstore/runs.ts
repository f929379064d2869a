/** Gathers events that follow each other in one stream, so that they go in one append. */
import { gap, sizeOf, type CopiedEvent } from './event.js';
import type { CopyLimits } from './limits.js';
import type { CopyWriter } from './writer.js';

export class Runs {
  written = 0;
  private run: CopiedEvent[] = [];
  private bytes = 0;

  constructor(
    private readonly writer: CopyWriter,
    private readonly limits: CopyLimits,
  ) {}

  /** @throws Error where the source has a gap between `event` and the one before it */
  async add(event: CopiedEvent): Promise<void> {
    const { appendBytes, appendEvents } = this.limits;
    const last = this.run.at(-1);
    const size = sizeOf(event);
    if (last?.stream !== event.stream || this.bytes + size > appendBytes || this.run.length >= appendEvents) {
      await this.send();
    } else if (event.revision !== last.revision + 1n) throw gap(event, last.revision);
    this.run.push(event);
    this.bytes += size;
    this.written += 1;
  }

  /** All that was added is in the target. */
  async flush(): Promise<void> {
    await this.send();
    await this.writer.drained();
  }

  private async send(): Promise<void> {
    const { run } = this;
    [this.run, this.bytes] = [[], 0];
    await this.writer.append(run);
  }
}
