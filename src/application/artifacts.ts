export type StoredArtifact = Readonly<{ sha256: string; bytes: number }>;

/** Content-addressed: the same bytes are stored once, and putting them again changes nothing. */
export abstract class ArtifactStore {
  /** @returns the SHA-256 (hex) under which `get` finds them, and their length */
  abstract put(content: Uint8Array, contentType: string): Promise<StoredArtifact>;
  abstract get(sha256: string): Promise<Readonly<{ content: Uint8Array; contentType: string }> | null>;
}
