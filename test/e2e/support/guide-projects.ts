import { copyFile, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder of project files that also has the project of the guide's client. The caller removes it. */
export const guideProjects = async (): Promise<string> => {
  const directory = await mkdtemp(path.join(tmpdir(), 'projects-'));
  for (const id of ['metformin', 'my-project-uuid'])
    await copyFile('examples/metformin.json', path.join(directory, `${id}.json`));
  return directory;
};
