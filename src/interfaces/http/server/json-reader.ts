import type { TaskReport } from '../../../application/workflow/tasks.js';
import type { JsonObject } from '../../../domain/json.js';
import { readJson, type BodyRules } from './read-json.js';

/** Whose body it is, where it reports on a task. */
export type Task = Readonly<{ step: string; token: string }>;

/** `report`: what the body says of its task, where that was found out already. */
export type ReadBody = Readonly<{ body: JsonObject; report: TaskReport | null }>;

/** Makes values of bodies. A large one is read and checked beside the thread that answers requests. */
export abstract class JsonReader {
  /** The bytes are its own from here on. @throws Refusal 400, 413; InvalidRequest for a report that is none; NotReady */
  abstract read(bytes: Uint8Array, rules: BodyRules, task: Task | null): Promise<ReadBody>;
}

/** Here and at once, which is right for what is small. */
export class JsonReadHere extends JsonReader {
  async read(bytes: Uint8Array, rules: BodyRules): Promise<ReadBody> {
    return { body: readJson(bytes, rules), report: null };
  }
}
