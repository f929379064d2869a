/** Rings once for all that arrives in one turn of the event loop. */
export class Bell {
  private isDue = false;

  constructor(private readonly ring: () => void) {}

  ringSoon(): void {
    if (this.isDue) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      this.ring();
    });
  }
}
