import { documentAgent } from './agent.js';
import { citedFacts, factsHash, type Fact, type ProjectIdentity } from './project/fact.js';
import { loadProject, type LoadedProject } from './project/load.js';

/** Collects the project's cited facts. A project without data gets a draft that says so. */
export const enrich = documentAgent({}, async (_earlier, { project_id, metadata }, { projectsDir, now }) => {
  const loaded = await loadProject(projectsDir, project_id, metadata['project']);
  const project = identity(project_id, loaded, now());
  const facts: Fact[] = loaded ? citedFacts(loaded.project) : [];
  const warnings = loaded
    ? []
    : [
        `No project data: there is neither metadata.project nor a file ${project_id}.json in the projects directory. The draft has no facts.`,
      ];
  return {
    success: true,
    data: { project, facts, facts_sha256: factsHash(facts) },
    metadata: { facts: facts.length, sources: new Set(facts.map(({ source }) => source.id)).size, warnings },
  };
});

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
