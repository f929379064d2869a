import { hash } from 'node:crypto';
import type { Json, JsonObject } from '../../domain/json.js';

export type StoredArtifact = Readonly<{ sha256: string; bytes: number }>;
/** `mended`: other bytes stood under that hash, and have been replaced by these. */
export type PutArtifact = StoredArtifact & Readonly<{ mended?: true }>;
type ArtifactContent = Readonly<{ content: Uint8Array; contentType: string }>;

/** What is stored under a hash is not what it names, or is gone. Not to be tried again: it does not mend itself. */
export class ArtifactDamaged extends Error {
  constructor(
    readonly kind: 'altered' | 'missing',
    readonly sha256: string,
    message: string,
  ) {
    super(message);
  }
}

/** Content-addressed: the same bytes are stored once, and putting them again changes nothing. */
export abstract class ArtifactStore {
  /** @returns the SHA-256 (hex) under which `get` finds them, and their length */
  abstract put(content: Uint8Array, contentType: string): Promise<PutArtifact>;
  abstract get(sha256: string): Promise<ArtifactContent | null>;

  /** For what an event names, and so has to be there. @throws ArtifactDamaged */
  async mustGet(sha256: string, name: string): Promise<ArtifactContent> {
    const found = await this.get(sha256);
    if (found) return found;
    const message =
      `Artifact ${name} (SHA-256 ${sha256}) is missing: expected it in the artifact store, as an event names it. ` +
      'Restore it from a backup';
    throw new ArtifactDamaged('missing', sha256, message);
  }
}

/** Called with each damaged artifact that was asked for. */
type ArtifactAlarm = (damaged: ArtifactDamaged) => void;

/** The store that everything reads through: bytes leave it only where they have the hash under which they were asked for. */
export class CheckedArtifacts extends ArtifactStore {
  constructor(
    private readonly store: ArtifactStore,
    private readonly alarm: ArtifactAlarm,
  ) {
    super();
  }

  async put(content: Uint8Array, contentType: string): Promise<StoredArtifact> {
    const { mended, ...stored } = await this.store.put(content, contentType);
    if (mended) {
      const message = `The artifact of SHA-256 ${stored.sha256} was altered. The same bytes were made again and put in its place`;
      this.alarm(new ArtifactDamaged('altered', stored.sha256, message));
    }
    return stored;
  }

  /** @throws ArtifactDamaged where other bytes are stored under that hash */
  async get(sha256: string): Promise<ArtifactContent | null> {
    const found = await this.store.get(sha256);
    const actual = found && hash('sha256', found.content, 'hex');
    if (actual === null || actual === sha256) return found;
    const message =
      `The artifact of SHA-256 ${sha256} was altered: expected that hash, got ${actual}. It is not given out. ` +
      'Run `npm run audit -- verify --all` to see what else was altered, and restore it from a backup';
    const damaged = new ArtifactDamaged('altered', sha256, message);
    this.alarm(damaged);
    throw damaged;
  }

  override async mustGet(sha256: string, name: string): Promise<ArtifactContent> {
    try {
      return await super.mustGet(sha256, name);
    } catch (error) {
      if (error instanceof ArtifactDamaged && error.kind === 'missing') this.alarm(error);
      throw error;
    }
  }
}

/** What stands in an output in place of a large value, which the artifact store holds. */
export type OutputRef = Readonly<{
  artifact: string;
  sha256: string;
  bytes: number;
  contentType: 'application/json';
}>;

export const isRef = (value: Json): value is OutputRef => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { artifact, sha256, bytes, contentType, ...rest } = value as JsonObject;
  return (
    Object.keys(rest).length === 0 &&
    typeof artifact === 'string' &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    typeof bytes === 'number' &&
    contentType === 'application/json'
  );
};
