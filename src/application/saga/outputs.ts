/** Keeps events and rows small: large parts of an agent's answer go to the artifact store, and come back for the next agent. */
import type { Json, JsonObject } from '../../domain/json.js';
import { isRef, type ArtifactStore, type OutputRef, type StoredArtifact } from '../workflow/artifacts.js';

/** Of a reference as JSON, without the value's name and with that of a long step. */
const REFERENCE_BYTES = 256;

const byteLength = (text: string) => Buffer.byteLength(text, 'utf8');

/** Each takes a transaction of the store, and a read for each later step. */
export const MOST_STORED_VALUES = 1_000;

type StoredOutput = Readonly<{ output: JsonObject; bytes: number }>;

/**
 * Moves the largest top-level values out until the rest is at most `limitBytes` of JSON, or moving makes it no smaller; and
 * those that look like what stands in for a value, as nobody could tell them from it later.
 * @returns null, with nothing stored, where more than `MOST_STORED_VALUES` would have to be moved
 */
export const storeLargeValues = async (
  store: ArtifactStore,
  step: string,
  data: JsonObject,
  limitBytes: number,
): Promise<StoredOutput | null> => {
  const sized = Object.entries(data).map(([key, value]) => ({
    key,
    text: JSON.stringify(value),
  }));
  let total = byteLength(JSON.stringify(data));
  const moved: Readonly<{ key: string; text: string }>[] = [];
  for (const { key, text } of sized.sort((a, b) => b.text.length - a.text.length)) {
    const bytes = byteLength(text);
    const makesItSmaller = total > limitBytes && bytes > REFERENCE_BYTES + byteLength(key);
    if (!makesItSmaller && !isRef(data[key]!)) continue;
    if (moved.length === MOST_STORED_VALUES) return null;
    moved.push({ key, text });
    total += byteLength(JSON.stringify(refOf(step, key, { sha256: NO_HASH, bytes }))) - bytes;
  }
  const result: Record<string, Json> = { ...data };
  for (const { key, text } of moved)
    result[key] = refOf(step, key, await store.put(Buffer.from(text, 'utf8'), 'application/json'));
  return { output: result, bytes: total };
};

/** As long as any. */
const NO_HASH = '0'.repeat(64);

const refOf = (step: string, key: string, stored: StoredArtifact): OutputRef => ({
  artifact: `${step}/${key}`,
  ...stored,
  contentType: 'application/json',
});

/** @throws ArtifactDamaged where a stored value is missing or altered, which the artifact store never allows by itself */
export const loadLargeValues = async (store: ArtifactStore, data: JsonObject): Promise<JsonObject> => {
  const entries = Object.entries(data).map(async ([key, value]): Promise<[string, Json]> => {
    if (!isRef(value)) return [key, value];
    const stored = await store.mustGet(value.sha256, value.artifact);
    return [key, JSON.parse(Buffer.from(stored.content).toString('utf8')) as Json];
  });
  return Object.fromEntries(await Promise.all(entries));
};
