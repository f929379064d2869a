/** Between one producer and one consumer. A full queue makes the producer wait, an empty one the consumer. */
export class BoundedQueue<Item> {
  private readonly items: Item[] = [];
  private readonly waiting: (() => void)[] = [];
  private closed = false;

  constructor(private readonly limit: number) {}

  /** @returns false when it is closed and the item was not taken */
  async put(item: Item): Promise<boolean> {
    while (!this.closed && this.items.length >= this.limit) await this.change();
    if (!this.closed) this.items.push(item);
    this.tell();
    return !this.closed;
  }

  /** At least one and at most `max`; none when it is closed. */
  async take(max: number): Promise<readonly Item[]> {
    while (!this.closed && this.items.length === 0) await this.change();
    const taken = this.closed ? [] : this.items.splice(0, max);
    this.tell();
    return taken;
  }

  /** What is still in it is forgotten. */
  close(): void {
    this.closed = true;
    this.items.length = 0;
    this.tell();
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private tell(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
