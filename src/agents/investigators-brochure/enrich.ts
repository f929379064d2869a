import path from 'node:path';
import { documentAgent } from './agent.js';
import { allowsEmpty } from './preferences.js';
import { citedFacts, factsHash, type Fact, type ProjectIdentity } from './project/fact.js';
import { loadProject, type LoadedProject } from './project/load.js';
import { Refusal } from './refusal.js';

/** Collects the project's cited facts. An outline without data is made only for who asks for one. */
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
