import path from 'node:path';
import { open, realpath, stat } from 'node:fs/promises';
import { lostNumeral, pathTo } from '../../domain/numerals.js';
import { documentAgent, Refusal, issues } from './agent.js';
import { allowsEmpty } from './compose.js';
import { citedFacts, factsHash, type Fact, type ProjectIdentity } from './project/fact.js';
import { projectSchema, type ProjectFile } from './project/schema.js';

/** A project of 2000 facts is about this large. */
export const PROJECT_FILE_BYTES = 1024 * 1024;

const INLINE = 'metadata.project';
const PROJECT_ID = /^[A-Za-z0-9._:@-]{1,128}$/;

/** `where` is for messages. */
type LoadedProject = Readonly<{ origin: 'metadata' | 'file'; where: string; project: ProjectFile }>;

/**
 * `metadata.project` where there is one, else `<projectsDir>/<project_id>.json`; null where there is neither.
 * @throws Refusal validation: what is there is no project, says where and why. transient: the file cannot be read.
 */
const loadProject = async (projectsDir: string, projectId: string, inline: unknown): Promise<LoadedProject | null> => {
  if (inline !== undefined && inline !== null)
    return { origin: 'metadata', where: INLINE, project: parse(inline, INLINE) };
  if (!PROJECT_ID.test(projectId))
    throw new Refusal('validation', 'INVALID_INPUT', 'project_id: expected 1 to 128 of A-Z a-z 0-9 . _ : @ -');
  const name = `${projectId}.json`;
  const content = await readBounded(projectsDir, name);
  return content === null ? null : { origin: 'file', where: name, project: parse(json(content, name), name) };
};

const parse = (value: unknown, where: string): ProjectFile => {
  const { data, error } = projectSchema.safeParse(value);
  if (error) throw new Refusal('validation', 'PROJECT_INVALID', `${where} is not a project: ${issues(error)}`);
  return data;
};

const json = (content: string, name: string): unknown => {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw new Refusal('validation', 'PROJECT_INVALID', `${name} is not JSON: ${(error as Error).message}`);
  }
  const lost = lostNumeral(content);
  if (!lost) return value;
  const problem = `expected numbers that a double holds, got ${lost.numeral.slice(0, 50)} at ${pathTo(content, lost.offset).join('.')}`;
  throw new Refusal('validation', 'PROJECT_INVALID', `${name}: ${problem}; write it as a text`);
};

/** Follows no link out of the directory: a project's id comes from the client. */
const readBounded = async (directory: string, name: string): Promise<string | null> => {
  try {
    const root = await realpath(directory);
    const file = await realpath(path.join(root, name));
    if (!file.startsWith(root + path.sep))
      throw new Refusal('validation', 'PROJECT_INVALID', `${name} is a link to a place outside the projects directory`);
    // Before it is opened: opening a pipe would wait for its writer.
    if (!(await stat(file)).isFile())
      throw new Refusal('validation', 'PROJECT_INVALID', `${name} is not a regular file`);
    return await readFileBounded(file, name);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return null;
    throw new Refusal('transient', 'PROJECT_UNREADABLE', `${name} cannot be read: ${code ?? 'unknown error'}`);
  }
};

const readFileBounded = async (file: string, name: string): Promise<string> => {
  const handle = await open(file, 'r');
  try {
    // One byte more than is allowed shows that there are more.
    const buffer = Buffer.alloc(PROJECT_FILE_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      ({ bytesRead: read } = await handle.read(buffer, length, buffer.length - length));
    if (length > PROJECT_FILE_BYTES)
      throw new Refusal('validation', 'PROJECT_TOO_LARGE', `${name}: expected at most ${PROJECT_FILE_BYTES} bytes`);
    return utf8(buffer.subarray(0, length), name);
  } finally {
    await handle.close();
  }
};

const utf8 = (bytes: Uint8Array, name: string): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Refusal('validation', 'PROJECT_INVALID', `${name} is not UTF-8`);
  }
};

/** Collects the project's cited facts. A document without data is made only where the client asks for it. */
export const enrich = documentAgent({}, async (_earlier, { project_id, metadata }, { projectsDir, otherDirs, now }) => {
  const emptyAllowed = allowsEmpty(metadata);
  const directory = otherDirs?.get(project_id) ?? projectsDir;
  const loaded = await loadProject(directory, project_id, metadata['project']);
  const refusal = loaded ? incomplete(loaded) : notFound(directory, project_id);
  if (refusal && !emptyAllowed) throw refusal;
  const project = identity(project_id, loaded, now());
  const facts: Fact[] = loaded ? citedFacts(loaded.project) : [];
  return {
    success: true,
    data: { project, facts, facts_sha256: factsHash(facts) },
    metadata: {
      facts: facts.length,
      sources: new Set(facts.map(({ source }) => source.id)).size,
      warnings: refusal ? [refusal.message] : [],
    },
  };
});

const OTHERWISE = 'set metadata.custom_options.allow_empty to true for a draft without';

const notFound = (projectsDir: string, id: string): Refusal =>
  new Refusal(
    'validation',
    'PROJECT_NOT_FOUND',
    `Expected project data for "${id}", got neither metadata.project nor the file ${path.join(projectsDir, `${id}.json`)} (PROJECTS_DIR). Send or store the project, or ${OTHERWISE} it.`,
  );

/** What a title page (A.2.1, 7.2.1) cannot do without, and facts, without which every section says that it has no data. */
const incomplete = ({ project: { sponsor, edition, facts }, where }: LoadedProject): Refusal | null => {
  const missing = [
    ...(sponsor === null ? ['sponsor.name'] : []),
    ...(edition === null ? ['edition.number', 'edition.release_date'] : []),
    ...(facts.length === 0 ? ['facts'] : []),
  ];
  return missing.length === 0
    ? null
    : new Refusal(
        'validation',
        'PROJECT_INCOMPLETE',
        `${where} lacks ${missing.join(', ')}. Add what is missing, or ${OTHERWISE} it.`,
      );
};

const identity = (id: string, loaded: LoadedProject | null, now: Date): ProjectIdentity => ({
  id,
  found: loaded !== null,
  origin: loaded?.origin ?? 'none',
  collected_at: now.toISOString(),
  product: loaded?.project.product ?? null,
  sponsor: loaded?.project.sponsor ?? null,
  edition: loaded?.project.edition ?? null,
  notice: loaded?.project.notice ?? null,
  confidentiality_statement: loaded?.project.confidentiality_statement ?? null,
});
