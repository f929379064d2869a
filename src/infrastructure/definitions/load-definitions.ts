import { reasonOf } from '../../application/runtime/errors.js';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Definitions, type PublishedDefinition } from '../../application/workflow/definitions.js';
import { hashOf } from '../../application/log/event-hash.js';
import type { Json } from '../../domain/json.js';
import type { WorkflowDefinition } from '../../domain/workflow/events.js';
import { readDefinition } from './read-definition.js';

type DefinitionLimits = Readonly<{ files: number; fileBytes: number }>;

const defaultDefinitionLimits: DefinitionLimits = { files: 200, fileBytes: 256 * 1024 };

/** Definitions that were read when the process started; a changed file counts from the next start on. */
export class LoadedDefinitions extends Definitions {
  private readonly published: readonly PublishedDefinition[];

  constructor(definitions: readonly WorkflowDefinition[]) {
    super();
    this.published = definitions.map((definition) => ({ definition, hash: hashOf(definition as unknown as Json) }));
  }

  byDocumentType(documentType: string): PublishedDefinition | undefined {
    return this.published.find(({ definition }) => definition.documentType === documentType);
  }

  all(): readonly PublishedDefinition[] {
    return this.published;
  }
}

/**
 * Reads every *.json of a directory, in the order of the file names.
 * @throws Error with a line for each problem of each file: the file, the JSON path, what was expected and what came
 */
export const loadDefinitions = async (
  directory: string,
  limits: DefinitionLimits = defaultDefinitionLimits,
): Promise<Definitions> => {
  const files = await list(directory, limits);
  const read = await Promise.all(files.map(async (file) => ({ file, ...(await readFileAt(file, limits)) })));
  const valid = read.flatMap(({ file, definition }) => (definition ? [{ file, definition }] : []));
  const problems = [
    ...read.flatMap(({ file, problems: found }) => found.map((problem) => `${file}: ${problem}`)),
    ...repeated(valid, 'document_type', ({ documentType }) => documentType),
    ...repeated(valid, 'name', ({ name }) => name),
  ];
  if (problems.length > 0) throw new Error(`Workflow definitions are not valid:\n  ${problems.join('\n  ')}`);
  return new LoadedDefinitions(valid.map(({ definition }) => definition));
};

const list = async (directory: string, limits: DefinitionLimits): Promise<readonly string[]> => {
  const advice = 'Set DEFINITIONS_DIR to the directory that holds the workflow definitions';
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${directory}: expected a directory of definitions, got ${error.code}. ${advice}`, {
      cause: error,
    });
  });
  const files = names.filter((name) => name.endsWith('.json')).sort();
  if (files.length === 0) throw new Error(`${directory}: expected at least one *.json, got none. ${advice}`);
  if (files.length > limits.files)
    throw new Error(`${directory}: expected at most ${limits.files} definitions, got ${files.length}`);
  return files.map((name) => join(directory, name));
};

const readFileAt = async (file: string, { fileBytes }: DefinitionLimits) => {
  const invalid = (problem: string) => ({ definition: null, problems: [problem] });
  try {
    const found = await stat(file);
    if (!found.isFile()) return invalid('expected a file');
    if (found.size > fileBytes) return invalid(`expected at most ${fileBytes} bytes, got ${found.size}`);
    return readDefinition(await readFile(file, 'utf8'));
  } catch (error) {
    return invalid(`expected a file that can be read: ${reasonOf(error)}`);
  }
};

type Loaded = Readonly<{ file: string; definition: WorkflowDefinition }>;

const repeated = (loaded: readonly Loaded[], key: string, valueOf: (definition: WorkflowDefinition) => string) =>
  loaded.flatMap(({ file, definition }, index) => {
    const value = valueOf(definition);
    const first = loaded.slice(0, index).find((other) => valueOf(other.definition) === value);
    return first ? [`${file}: ${key}: expected one of its own, got "${value}" as in ${first.file}`] : [];
  });
