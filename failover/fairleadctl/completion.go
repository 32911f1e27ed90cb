package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

func completionCommand() *command {
	return &command{
		name: "completion", args: "bash|zsh|fish", words: []string{"bash", "zsh", "fish"},
		what: "a script that completes command lines",
		long: `Writes a script for a shell, which completes commands, flags and file names.`,
		examples: []example{
			{"bash", "completion bash > ~/.local/share/bash-completion/completions/fairleadctl"},
			{"zsh, in a directory of $fpath", "completion zsh > ~/.zfunc/_fairleadctl"},
			{"fish", "completion fish > ~/.config/fish/completions/fairleadctl.fish"},
		},
		setup: func(*flag.FlagSet) func(*env, []string) error {
			return func(e *env, args []string) error {
				if len(args) != 1 {
					return usagef("which shell: bash, zsh or fish?")
				}
				switch args[0] {
				case "bash":
					bash(e.stdout)
				case "zsh":
					zsh(e.stdout)
				case "fish":
					fish(e.stdout)
				default:
					return usagef("it must be bash, zsh or fish, is %q", args[0])
				}
				return nil
			}
		},
	}
}

// flagNames returns the flags of a command, each with its dash.
func (c *command) flagNames() (all []string) {
	flags := c.flags()
	c.setup(flags)
	flags.VisitAll(func(f *flag.Flag) { all = append(all, "-"+f.Name) })
	return all
}

func bash(w io.Writer) {
	fmt.Fprintf(w, `# bash completion of fairleadctl
_fairleadctl() {
  local word=${COMP_WORDS[COMP_CWORD]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "%s" -- "$word"))
    return
  fi
  local flags= words=
  case ${COMP_WORDS[1]} in
`, strings.Join(names(), " "))
	for _, c := range commands() {
		fmt.Fprintf(w, "    %s) flags=%q words=%q ;;\n", c.name, strings.Join(c.flagNames(), " "), strings.Join(c.words, " "))
	}
	fmt.Fprintf(w, `    help) words=%q ;;
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
    *)  if [ -n "$words" ]; then
          COMPREPLY=($(compgen -W "$words" -- "$word"))
        else
          COMPREPLY=($(compgen -f -- "$word"))
        fi ;;
  esac
}
complete -o filenames -F _fairleadctl fairleadctl
`, strings.Join(names(), " "))
}

func zsh(w io.Writer) {
	fmt.Fprint(w, "#compdef fairleadctl\n# zsh completion of fairleadctl\n_fairleadctl() {\n  local -a commands flags values\n  commands=(\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "    '%s:%s'\n", c.name, quoteShell(c.what))
	}
	fmt.Fprint(w, `    'help:tell the flags of a command, with examples'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case ${words[2]} in
`)
	for _, c := range commands() {
		fmt.Fprintf(w, "    %s) flags=(%s); values=(%s) ;;\n", c.name, strings.Join(c.flagNames(), " "), strings.Join(c.words, " "))
	}
	fmt.Fprintf(w, `    help) values=(%s) ;;
  esac
  if [[ ${words[CURRENT]} == -* ]]; then
    compadd -- $flags
  elif (( $#values )); then
    compadd -- $values
  else
    _files
  fi
}
_fairleadctl "$@"
`, strings.Join(names(), " "))
}

func fish(w io.Writer) {
	fmt.Fprintln(w, "# fish completion of fairleadctl")
	for _, c := range commands() {
		fmt.Fprintf(w, "complete -c fairleadctl -n __fish_use_subcommand -f -a %s -d '%s'\n", c.name, quoteShell(c.what))
	}
	fmt.Fprintln(w, "complete -c fairleadctl -n __fish_use_subcommand -f -a help -d 'tell the flags of a command, with examples'")
	fmt.Fprintf(w, "complete -c fairleadctl -n '__fish_seen_subcommand_from help' -f -a '%s'\n", strings.Join(names(), " "))
	for _, c := range commands() {
		from := fmt.Sprintf("-n '__fish_seen_subcommand_from %s'", c.name)
		flags := c.flags()
		c.setup(flags)
		flags.VisitAll(func(f *flag.Flag) {
			value, usage := flag.UnquoteUsage(f)
			needs := ""
			if value != "" {
				needs = " -r"
			}
			fmt.Fprintf(w, "complete -c fairleadctl %s -o %s%s -d '%s'\n", from, f.Name, needs, quoteShell(usage))
		})
		if len(c.words) > 0 {
			fmt.Fprintf(w, "complete -c fairleadctl %s -f -a '%s'\n", from, strings.Join(c.words, " "))
		}
	}
}

// quoteShell makes a text fit between single quotes.
func quoteShell(s string) string { return strings.ReplaceAll(s, "'", "’") }
