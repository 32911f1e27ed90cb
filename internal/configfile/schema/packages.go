package schema

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// source is what a package declares, as far as a schema needs it.
type source struct {
	types   map[string]*declaration
	strings map[string][]string // constants of string types, in order, by type
}

// declaration is a type with its comment and the imports of its file.
type declaration struct {
	name    string
	doc     string
	expr    ast.Expr
	imports map[string]string // import paths by name
	pkg     string            // import path of its own package
}

// module loads packages of one module, each once.
type module struct {
	dir    string
	path   string
	loaded map[string]*source
}

// openModule returns the module that holds the directory, and the import path
// of the package in it.
func openModule(dir string) (*module, string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, "", err
	}
	for root := dir; ; root = filepath.Dir(root) {
		text, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if os.IsNotExist(err) && filepath.Dir(root) != root {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "module" {
				below, err := filepath.Rel(root, dir)
				if err != nil {
					return nil, "", err
				}
				path := strings.TrimSuffix(fields[1]+"/"+filepath.ToSlash(below), "/.")
				return &module{root, fields[1], make(map[string]*source)}, path, nil
			}
		}
		return nil, "", fmt.Errorf("%s names no module", filepath.Join(root, "go.mod"))
	}
}

// lookup returns a type of a package in the module.
func (m *module) lookup(pkg, name string) (*declaration, *source, error) {
	s, ok := m.loaded[pkg]
	if !ok {
		below, inside := strings.CutPrefix(pkg+"/", m.path+"/")
		if !inside {
			return nil, nil, fmt.Errorf("%s.%s is not in module %s", pkg, name, m.path)
		}
		var err error
		if s, err = load(filepath.Join(m.dir, filepath.FromSlash(below)), pkg); err != nil {
			return nil, nil, err
		}
		m.loaded[pkg] = s
	}
	d, ok := s.types[name]
	if !ok {
		return nil, nil, fmt.Errorf("package %s has no type %s", pkg, name)
	}
	return d, s, nil
}

// load parses the files of one package.
func load(dir, pkg string) (*source, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	s := &source{make(map[string]*declaration), make(map[string][]string)}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s.add(file, pkg)
	}
	return s, nil
}

func (s *source) add(file *ast.File, pkg string) {
	imports := make(map[string]string)
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser accepts only what can be unquoted
		}
		name := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = path
	}
	for _, decl := range file.Decls {
		decl, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				doc := spec.Doc
				if doc == nil {
					doc = decl.Doc
				}
				s.types[spec.Name.Name] = &declaration{spec.Name.Name, prose(doc), spec.Type, imports, pkg}
			case *ast.ValueSpec:
				s.addConstants(decl.Tok, spec)
			}
		}
	}
}

func (s *source) addConstants(tok token.Token, spec *ast.ValueSpec) {
	named, ok := spec.Type.(*ast.Ident)
	if tok != token.CONST || !ok {
		return
	}
	for _, value := range spec.Values {
		if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				s.strings[named.Name] = append(s.strings[named.Name], text)
			}
		}
	}
}

// prose returns a comment with each paragraph on one line.
func prose(comment *ast.CommentGroup) string {
	paragraphs := strings.Split(strings.TrimSpace(comment.Text()), "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(strings.Fields(p), " ")
	}
	return strings.Join(paragraphs, "\n\n")
}
