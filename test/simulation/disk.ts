import { InMemoryAnswerFiles } from '../../src/testing/in-memory.answer-files.js';
import type { Happenings, Machine } from './machine.js';
import { AnswerFiles } from '../../src/application/saga/answers.js';

/** One disk for each slot of the cluster. */
export class Disks {
  private readonly disks = new Map<string, InMemoryAnswerFiles>();

  constructor(readonly happenings: Happenings) {}

  of(machine: Machine): InMemoryAnswerFiles {
    const slot = machine.name.split('.')[0]!;
    const disk = this.disks.get(slot) ?? new InMemoryAnswerFiles();
    this.disks.set(slot, disk);
    return disk;
  }

  get kept(): number {
    return [...this.disks.values()].reduce((sum, { texts }) => sum + texts.size, 0);
  }
}

/** The disk as a machine uses it: each access takes time, and a machine that dies may have written or not. */
export class DiskClient extends AnswerFiles {
  private readonly disk: InMemoryAnswerFiles;

  constructor(
    private readonly disks: Disks,
    private readonly machine: Machine,
  ) {
    super();
    this.disk = disks.of(machine);
  }

  list() {
    const { texts } = this.disk;
    const listed = () => [...texts].map(([name, text]) => ({ name, bytes: Buffer.byteLength(text) }));
    return this.machine.ask('list', listed);
  }

  write(name: string, text: string): Promise<void> {
    return this.machine.ask('write', () => {
      this.disks.happenings.count('answer on a disk');
      this.disk.texts.set(name, text);
    });
  }

  read(name: string): Promise<string | null> {
    return this.machine.ask('read a file', () => this.disk.texts.get(name) ?? null);
  }

  remove(name: string): Promise<void> {
    return this.machine.ask('remove', () => void this.disk.texts.delete(name));
  }
}
