import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export type StepFile = Readonly<Record<string, unknown>>;

/** A directory with one definition for document type `test`. The caller removes it. */
export const definitionsDir = async (steps: readonly StepFile[]): Promise<string> => {
  const directory = await mkdtemp(path.join(tmpdir(), 'workflow-executor-definitions-'));
  const definition = {
    name: 'test-generation',
    document_type: 'test',
    steps: steps.map((step) => ({ timeout_minutes: 1, ...step })),
  };
  await writeFile(path.join(directory, 'test.json'), JSON.stringify(definition));
  return directory;
};
