import { AnswerFiles } from '../application/saga/answers.js';

/** A folder that outlives instances, without a disk. */
export class InMemoryAnswerFiles extends AnswerFiles {
  readonly texts = new Map<string, string>();
  async list() {
    return [...this.texts].map(([name, text]) => ({ name, bytes: Buffer.byteLength(text) }));
  }
  async write(name: string, text: string): Promise<void> {
    this.texts.set(name, text);
  }
  async read(name: string): Promise<string | null> {
    return this.texts.get(name) ?? null;
  }
  async remove(name: string): Promise<void> {
    this.texts.delete(name);
  }
}
