/** The files of an execution, as its history has them: which bytes stood under a name at which revision. */
type HistoryEvent = Readonly<{ type: string; data: unknown; revision: number }>;

/** `sha256`: hex. `revision`: of the event that recorded the file. */
export type DocumentVersion = Readonly<{ name: string; sha256: string; revision: number }>;

type Files = Readonly<{ artifacts?: readonly Readonly<{ name: string; sha256: string }>[] }>;

/** Each file that a completed step gave, oldest first. @param events of one execution, that fold */
export const documentVersions = (events: readonly HistoryEvent[]): readonly DocumentVersion[] =>
  events.flatMap(({ type, data, revision }) => {
    const { artifacts = [] } = type === 'StepCompleted' ? (data as Files) : {};
    return artifacts.map(({ name, sha256 }) => ({ name, sha256, revision }));
  });

/** By name, as of a revision: the latest of each. */
export const documentsAt = (
  versions: readonly DocumentVersion[],
  revision: number,
): ReadonlyMap<string, DocumentVersion> =>
  new Map(versions.filter((each) => each.revision <= revision).map((each) => [each.name, each]));
