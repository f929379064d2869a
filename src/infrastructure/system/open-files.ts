/** Open files and connections. With fewer the program's modules cannot be loaded, and the error would name some module. */
const FEWEST_OPEN_FILES = 512;

/** Node has raised the soft limit to the hard one by then. Undefined where the system knows no such limit. */
export const openFilesLimit = (): number | undefined => {
  if (process.report === undefined) return undefined;
  // Else the report asks for the names of all addresses. Types of Node 20 do not know it yet.
  Object.assign(process.report, { excludeNetwork: true });
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : undefined;
};

/** @throws Error that says what is short */
export const refuseFewFiles = (limit = openFilesLimit()): void => {
  if (limit !== undefined && limit < FEWEST_OPEN_FILES) throw new Error(tooFewFiles(limit));
};

const tooFewFiles = (limit: number): string =>
  `File descriptors: expected a limit of at least ${FEWEST_OPEN_FILES} open files, got ${limit}. Raise it with ` +
  `\`ulimit -n ${2 * FEWEST_OPEN_FILES}\`, LimitNOFILE of systemd, or --ulimit nofile of docker`;

/** What an error of a file, a connection or a process means where descriptors are what is short; undefined for any other. */
export const descriptorsShort = (error: unknown): string | undefined => {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 10; cause = cause.cause, depth++) {
    const { code } = cause as NodeJS.ErrnoException;
    const limit = openFilesLimit() ?? 'unknown';
    if (code === 'EMFILE')
      return `File descriptors: all that this process may have (${limit}) are in use. Raise the limit with \`ulimit -n\`, or lower MAX_CONNECTIONS`;
    if (code === 'ENFILE') return 'File descriptors: all that this machine has are in use. Raise fs.file-max';
  }
  return undefined;
};
