import { reasonOf } from '../../application/runtime/errors.js';
import type { WorkflowDefinition } from '../../domain/workflow/definition.js';
import { resolveDefinition } from './resolve-definition.js';
import { brokenRules, type Problem } from './rules.js';
import { definitionSchema } from './schema.js';

export type ReadDefinition = Readonly<{ definition: WorkflowDefinition | null; problems: readonly string[] }>;

/** @param text of one file. @returns all that is wrong with it, each as `steps[2].timeout_minutes: what was expected, what came` */
export const readDefinition = (text: string): ReadDefinition => {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    return { definition: null, problems: [`expected JSON: ${reasonOf(error)}`] };
  }
  const { data, error } = definitionSchema.safeParse(file, { reportInput: true });
  const shape = (error?.issues ?? []).map(({ path, message, input }) => ({
    path,
    message: `${message}${shown(input)}`,
  }));
  const problems = [...shape, ...brokenRules(file)].map(line);
  return data && problems.length === 0
    ? { definition: resolveDefinition(data), problems }
    : { definition: null, problems };
};

const line = ({ path, message }: Problem): string => (path.length > 0 ? `${jsonPath(path)}: ${message}` : message);

const jsonPath = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');

/** What came, where it is short enough to be said. */
const shown = (input: unknown): string =>
  ['string', 'number', 'boolean'].includes(typeof input) ? `, got ${JSON.stringify(input).slice(0, 80)}` : '';
