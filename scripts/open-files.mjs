/** The same check as src/infrastructure/system/open-files.ts, for before there is a build: the compiler opens more files still. */
const FEWEST = 512;

export function refuseFewFiles() {
  if (process.report) process.report.excludeNetwork = true;
  const limit = process.report?.getReport().userLimits?.open_files?.soft;
  if (typeof limit !== 'number' || limit >= FEWEST) return;
  console.error(
    `File descriptors: expected a limit of at least ${FEWEST} open files, got ${limit}. Raise it with ` +
      `\`ulimit -n ${2 * FEWEST}\`, LimitNOFILE of systemd, or --ulimit nofile of docker`,
  );
  process.exit(1);
}
