@rem `exec COMMAND` in the scripts of package.json replaces npm's shell, so that npm's signals reach the program. Windows has no
@rem exec and no such signals: there it runs the command.
@%*
