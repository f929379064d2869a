import { currentStep, type WorkflowState } from '../../domain/workflow/state.js';
import type { Clock } from '../runtime/clock.js';
import type { Notify, OnError } from '../runtime/errors.js';
import { answerOf, nameOf, refOf, textOf, type Answer, type AnswerFiles, type AnswerRef } from './answers.js';

export type KeptAnswersLimits = Readonly<{
  /** Of all answers that wait, as texts. 0: nothing is kept there. */
  memoryBytes: number;
  diskBytes: number;
  /** An answer that could not be recorded for this long is dropped. */
  keepMs: number;
}>;

/** The least that one answer counts: its place in lists, its block of a disk. */
const LEAST_BYTES = 4096;

type Entry = {
  readonly ref: AnswerRef;
  /** Null where it is on the disk alone. */
  answer: Answer | null;
  /** 0 as long as it does not have to wait. */
  bytes: number;
  inMemory: boolean;
  onDisk: boolean;
  /** The writing of its file, which happens once. */
  keeping: Promise<boolean> | null;
};

/**
 * The answers that the log has not taken yet: all of them, by attempt. One that has to wait goes to the disk, where it outlives
 * this process, and stays in memory, too, as long as there is room. Where there is room in neither, it is dropped, and the agent
 * is asked again.
 */
export class KeptAnswers {
  private readonly entries = new Map<string, Entry>();
  private memoryBytes = 0;
  private diskBytes = 0;
  /** Entries that have to wait. */
  private waiting = 0;
  /** Since none of them waited. */
  private kept = 0;
  private dropped = 0;

  constructor(
    private readonly files: AnswerFiles,
    private readonly limits: KeptAnswersLimits,
    private readonly clock: Clock,
    private readonly notify: Notify,
    private readonly onError: OnError,
  ) {}

  /** @returns the answers that earlier processes of this data folder left behind */
  async open(): Promise<readonly AnswerRef[]> {
    const found: AnswerRef[] = [];
    try {
      for (const { name, bytes } of await this.files.list()) {
        const ref = refOf(name);
        if (!ref || this.entries.has(name)) continue;
        const entry = { ref, answer: null, bytes: Math.max(bytes, LEAST_BYTES), inMemory: false, onDisk: true };
        this.entries.set(name, { ...entry, keeping: Promise.resolve(true) });
        this.diskBytes += entry.bytes;
        this.waiting++;
        found.push(ref);
      }
    } catch (error) {
      this.onError('Kept answers cannot be read from the disk: those of before wait for the next start', error);
    }
    if (found.length > 0) this.notify('log', `${count(found.length)} of before are recorded now, where still wanted`);
    return found;
  }

  /** Whether an answer of the attempt that runs is here. */
  hasAnswerOf(state: WorkflowState): boolean {
    const step = state.status === 'none' ? undefined : currentStep(state)?.step;
    if (state.status === 'none' || step?.status !== 'running') return false;
    return this.entries.has(nameOf({ executionId: state.executionId, stepId: step.id, attempt: step.attempt }));
  }

  inMemory(ref: AnswerRef): Answer | null {
    return this.entries.get(nameOf(ref))?.answer ?? null;
  }

  /** Those of one execution. */
  of(executionId: string): readonly AnswerRef[] {
    return [...this.entries.values()].map(({ ref }) => ref).filter((ref) => ref.executionId === executionId);
  }

  /** @returns false where an answer of that attempt waits already */
  begin(answer: Answer): boolean {
    const name = nameOf(answer);
    if (this.entries.has(name)) return false;
    const { executionId, stepId, attempt } = answer;
    const ref = { executionId, stepId, attempt };
    this.entries.set(name, { ref, answer, bytes: 0, inMemory: false, onDisk: false, keeping: null });
    return true;
  }

  /** It has to wait. @returns false where it is no longer kept: there was no room, or it has waited for too long */
  async keep(ref: AnswerRef, why: string): Promise<boolean> {
    const entry = this.entries.get(nameOf(ref));
    if (!entry) return false;
    if (entry.answer && this.isTooOld(entry.answer)) {
      await this.giveUp(entry);
      return false;
    }
    return (entry.keeping ??= this.store(entry, entry.answer!, why));
  }

  /** Null where it is not kept: another process of this data folder has recorded it, or it is too old, or unreadable. */
  async read(ref: AnswerRef): Promise<Answer | null> {
    const entry = this.entries.get(nameOf(ref));
    if (!entry || entry.answer) return entry?.answer ?? null;
    const text = await this.files.read(nameOf(ref));
    if (text === null) {
      this.forget(entry);
      return null;
    }
    try {
      const answer = answerOf(text);
      if (!this.isTooOld(answer)) return answer;
      await this.giveUp(entry);
    } catch (error) {
      this.onError(`The kept answer ${nameOf(ref)} cannot be read. Its file stays where it is`, error);
      this.forget(entry);
    }
    return null;
  }

  /** It is recorded, or no longer wanted. @returns null where there is nothing to wait for, as it never had to wait */
  end(ref: AnswerRef): Promise<void> | null {
    const entry = this.entries.get(nameOf(ref));
    if (entry?.keeping) return this.endKept(entry, entry.keeping);
    if (entry) this.forget(entry);
    return null;
  }

  /** Its file, if it has one, stays for the next start. */
  leave(ref: AnswerRef): void {
    const entry = this.entries.get(nameOf(ref));
    if (entry) this.forget(entry);
  }

  private async endKept(entry: Entry, keeping: Promise<boolean>): Promise<void> {
    const { ref } = entry;
    await keeping;
    if (entry.onDisk) await this.files.remove(nameOf(ref)).catch((error: unknown) => this.notRemoved(ref, error));
    this.forget(entry);
  }

  private async store(entry: Entry, answer: Answer, why: string): Promise<boolean> {
    const text = textOf(answer);
    entry.bytes = Math.max(Buffer.byteLength(text), LEAST_BYTES);
    this.waiting++;
    if (this.kept++ === 0) this.notify('warn', `Results wait to be recorded, and are kept until then: ${why}`);
    entry.inMemory = this.memoryBytes + entry.bytes <= this.limits.memoryBytes;
    if (entry.inMemory) this.memoryBytes += entry.bytes;
    if (this.diskBytes + entry.bytes <= this.limits.diskBytes) await this.write(entry, text);
    if (!entry.inMemory) entry.answer = null;
    if (entry.inMemory || entry.onDisk) return true;
    if (this.dropped++ === 0) this.notify('warn', this.noRoomFor(entry));
    this.forget(entry);
    return false;
  }

  private async write(entry: Entry, text: string): Promise<void> {
    this.diskBytes += entry.bytes;
    try {
      await this.files.write(nameOf(entry.ref), text);
      entry.onDisk = true;
    } catch (error) {
      this.diskBytes -= entry.bytes;
      const where = entry.inMemory
        ? 'It is kept in memory, and lost if this process ends'
        : 'There is no room in memory';
      this.onError(`The answer ${nameOf(entry.ref)} cannot be kept on the disk. ${where}`, error);
    }
  }

  private async giveUp(entry: Entry): Promise<void> {
    const hours = this.limits.keepMs / 3_600_000;
    this.notify('warn', `The answer ${nameOf(entry.ref)} could not be recorded for ${hours} h (KEPT_ANSWERS_HOURS)`);
    await this.end(entry.ref);
  }

  private forget(entry: Entry): void {
    if (this.entries.get(nameOf(entry.ref)) !== entry) return;
    this.entries.delete(nameOf(entry.ref));
    if (entry.inMemory) this.memoryBytes -= entry.bytes;
    if (entry.onDisk) this.diskBytes -= entry.bytes;
    if (entry.bytes > 0) this.waiting--;
    if (this.kept === 0 || this.waiting > 0) return;
    const lost = this.dropped > 0 ? `; ${this.dropped} had no room` : '';
    this.notify('log', `No results wait any longer: ${count(this.kept)} had been kept${lost}`);
    [this.kept, this.dropped] = [0, 0];
  }

  private isTooOld({ at }: Answer): boolean {
    return this.clock.now().getTime() - at.getTime() > this.limits.keepMs;
  }

  private noRoomFor({ ref, bytes }: Entry): string {
    const { memoryBytes, diskBytes } = this.limits;
    return (
      `There is no room for the answer ${nameOf(ref)} of ${bytes} bytes: expected at most ${memoryBytes} bytes of answers in ` +
      `memory (KEPT_ANSWERS_MEMORY_BYTES) and ${diskBytes} on the disk (KEPT_ANSWERS_DISK_BYTES). It and those that follow are ` +
      'dropped; their agents are asked again'
    );
  }

  private notRemoved(ref: AnswerRef, error: unknown): void {
    this.onError(`The file of the recorded answer ${nameOf(ref)} cannot be removed; the next start tries again`, error);
  }
}

const count = (answers: number) => `${answers} ${answers === 1 ? 'answer' : 'answers'} of agents`;
