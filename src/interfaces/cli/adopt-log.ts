/** `npm run eventstore:adopt`: the event log that is there is the right one from now on. */
import { calledAs, readCommandLine, runUntilSignal } from '../../composition/run-until-signal.js';

const USAGE = `Usage: ${calledAs('eventstore:adopt')}
For an event log that is not the one that the database was written from, and is to stay: an older copy, or a new one.
All instances have to be stopped. Nothing is done where the database was written from this log.
  the read tables   are emptied; the next start makes them from this log
  the audit tree    is emptied; the next start makes and signs it from this log. The checkpoints that were signed so far stay in
                    the file outside, and prove what this log lacks
  webhooks          go on behind the log's end; what waited is given up, and the record of deliveries emptied; subscriptions
                    that this log does not have are removed
  what is lost      stays lost: executions that this log does not have are no longer shown, those that it has go on from where
                    they are in it, and their agents may be called again`;

const write = (line: string) => void process.stdout.write(`${line}\n`);

const main = async (): Promise<number> => {
  if (!readCommandLine(USAGE, {})) return 0;
  const { openAdoption } = await import('../../composition/adopt-log.js');
  const tools = await openAdoption();
  try {
    const adopted = await tools.adopt();
    if (!adopted) {
      write('The database was written from this log: there is nothing to adopt.');
      return 0;
    }
    write(
      `The log ${adopted.logId} is the right one now. The read tables and the audit tree are made from it at the next start.`,
    );
    write(`Webhooks go on behind the log's end; ${adopted.givenUp} deliveries that waited are given up.`);
    for (const { id, target } of adopted.removed)
      write(`Webhook ${id} (${target}) is not in this log: it is removed. Its receiver has to be subscribed again.`);
    if (!(await tools.hasCheckpointOfFile())) {
      write(`${tools.file} ends with a checkpoint that this log does not have: nothing is signed while it is there.`);
      write('Move it away, on each machine that has one, and keep it: it proves what this log lacks.');
    }
    return 0;
  } finally {
    await tools.close();
  }
};

runUntilSignal(main);
