/** `workflow completion bash|zsh`: what a shell completes. Options are those that the help of the verb shows, so they are always right. */
import { readCommandLine, UsageError } from '../../../composition/run-until-signal.js';
import { write } from './api-verb.js';
import { EXIT } from './exit.js';

const USAGE = `Usage: workflow completion bash|zsh
Prints what the shell completes verbs and options by. To have it in every shell, add to ~/.bashrc or ~/.zshrc:
  source <(workflow completion bash)
  source <(workflow completion zsh)`;

/** In bash a colon ends a word, so of \`eventstore:copy\` what stands behind the colon is completed. */
const functionFor = (verbs: string): string => `_workflow() {
  local word="\${COMP_WORDS[COMP_CWORD]}" verb="\${COMP_WORDS[1]}"
  if [ "$COMP_CWORD" -le 1 ]; then
    COMPREPLY=($(compgen -W '${verbs}' -- "$word"))
  elif [ "\${word#-}" != "$word" ]; then
    COMPREPLY=($(compgen -W "$(workflow "$verb" --help 2>/dev/null </dev/null | grep -oE -e '--[a-z][a-z-]*' | sort -u)" -- "$word"))
  else
    COMPREPLY=()
  fi
}
complete -o default -F _workflow workflow`;

/** @param verbs their names, asked for when they are needed */
export const completionOf =
  (verbs: () => readonly string[]) =>
  async (args: readonly string[]): Promise<number> => {
    const line = readCommandLine(USAGE, { allowPositionals: true }, args);
    if (!line) return EXIT.done;
    const [shell, ...more] = line.positionals;
    if ((shell !== 'bash' && shell !== 'zsh') || more.length > 0)
      throw new UsageError(`Expected bash or zsh, got ${JSON.stringify(line.positionals.join(' '))}\n\n${USAGE}`);
    if (shell === 'zsh') write('autoload -U +X compinit && compinit && autoload -U +X bashcompinit && bashcompinit');
    write(functionFor(verbs().join(' ')));
    return EXIT.done;
  };
