import { createHash } from 'node:crypto';
import { ArtifactStore, type StoredArtifact } from '../application/workflow/artifacts.js';

export class InMemoryArtifacts extends ArtifactStore {
  readonly stored = new Map<string, { content: Uint8Array; contentType: string }>();
  async put(content: Uint8Array, contentType: string): Promise<StoredArtifact> {
    return this.putNow(content, contentType);
  }
  putNow(content: Uint8Array, contentType: string): StoredArtifact {
    const sha256 = createHash('sha256').update(content).digest('hex');
    this.stored.set(sha256, { content, contentType });
    return { sha256, bytes: content.byteLength };
  }
  async get(sha256: string) {
    return this.stored.get(sha256) ?? null;
  }
}
