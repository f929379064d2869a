/** One at a time for each key: whoever comes while a turn is taken has it taken once more, however many they are. */
export class SerialPerKey {
  private readonly taken = new Map<string, { again: boolean }>();

  constructor(private readonly act: (key: string) => Promise<void>) {}

  async take(key: string): Promise<void> {
    const present = this.taken.get(key);
    if (present) {
      present.again = true;
      return;
    }
    const turn = { again: true };
    this.taken.set(key, turn);
    try {
      while (turn.again) {
        turn.again = false;
        await this.act(key);
      }
    } finally {
      this.taken.delete(key);
    }
  }
}
