import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { ArtifactStore, type StoredArtifact } from '../../application/artifacts.js';
import { Artifact } from './entities/artifact.entity.js';

/** Postgres itself takes up to 1 GiB in one value; memory is what has to be kept in bounds. */
export const MAX_ARTIFACT_BYTES = 64 * 1024 * 1024;

export class PostgresArtifactStore extends ArtifactStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly maximumBytes = MAX_ARTIFACT_BYTES,
  ) {
    super();
  }

  /** The content type that came first stays with the bytes. @throws where they are too many */
  async put(content: Uint8Array, contentType: string): Promise<StoredArtifact> {
    const bytes = content.byteLength;
    if (bytes > this.maximumBytes) {
      throw new Error(`Artifact of ${bytes} bytes: expected at most ${this.maximumBytes}`);
    }
    const sha256 = createHash('sha256').update(content).digest('hex');
    const isThere = await this.dataSource.getRepository(Artifact).existsBy({ sha256 });
    if (!isThere) {
      await this.dataSource.query(
        `insert into artifacts (sha256, bytes, content_type, content) values ($1, $2, $3, $4)
         on conflict (sha256) do nothing`,
        [sha256, bytes, contentType, Buffer.from(content.buffer, content.byteOffset, bytes)],
      );
    }
    return { sha256, bytes };
  }

  async get(sha256: string): Promise<Readonly<{ content: Uint8Array; contentType: string }> | null> {
    const found = await this.dataSource.getRepository(Artifact).findOneBy({ sha256 });
    return found && { content: found.content, contentType: found.content_type };
  }
}
