import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { ArtifactStore, type PutArtifact } from '../../../application/workflow/artifacts.js';
import { Artifact } from '../entities/operational.entities.js';

/** Postgres itself takes up to 1 GiB in one value; memory is what has to be kept in bounds. */
const MAX_ARTIFACT_BYTES = 64 * 1024 * 1024;

const PART_BYTES = 4 * 1024 * 1024;

export class PostgresArtifactStore extends ArtifactStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly maximumBytes = MAX_ARTIFACT_BYTES,
  ) {
    super();
  }

  /** The content type that came first stays with the bytes. @throws where they are too many */
  async put(content: Uint8Array, contentType: string): Promise<PutArtifact> {
    const bytes = content.byteLength;
    if (bytes > this.maximumBytes) {
      throw new Error(`Artifact of ${bytes} bytes: expected at most ${this.maximumBytes}`);
    }
    const sha256 = createHash('sha256').update(content).digest('hex');
    const isIntact = "sha256(artifacts.content) = decode(artifacts.sha256, 'hex')";
    const there: { intact: boolean }[] = await this.dataSource.query(
      `select ${isIntact} as intact from artifacts where sha256 = $1`,
      [sha256],
    );
    if (there[0]?.intact) return { sha256, bytes };
    await this.dataSource.query(
      `insert into artifacts (sha256, bytes, content_type, content) values ($1, $2, $3, $4)
       on conflict (sha256) do update set bytes = excluded.bytes, content = excluded.content where not (${isIntact})`,
      [sha256, bytes, contentType, Buffer.from(content.buffer, content.byteOffset, bytes)],
    );
    return there[0] ? { sha256, bytes, mended: true } : { sha256, bytes };
  }

  async get(sha256: string): Promise<Readonly<{ content: Uint8Array; contentType: string }> | null> {
    const found = await this.dataSource.getRepository(Artifact).findOneBy({ sha256 });
    return found && { content: found.content, contentType: found.content_type };
  }

  /** Of what is stored under that hash, read in parts, so that it takes the same memory whatever its size. */
  async digestOf(sha256: string): Promise<string | null> {
    const digest = createHash('sha256');
    for (let from = 1; ; from += PART_BYTES) {
      const rows: { part: Buffer }[] = await this.dataSource.query(
        'select substring(content from $2 for $3) as part from artifacts where sha256 = $1',
        [sha256, from, PART_BYTES],
      );
      const part = rows[0]?.part;
      if (!part) return null;
      digest.update(part);
      if (part.length < PART_BYTES) return digest.digest('hex');
    }
  }
}
