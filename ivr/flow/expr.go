package flow

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// Expr is a small computation over the attributes of a call. It is compiled
// when the flow is read. It has no loops, no assignments and no way to the
// outside, so its cost is bounded by its length.
type Expr struct {
	Text    string
	pos     Pos
	program *vm.Program
	reads   []string // attributes
}

// Limits of an expression.
const (
	maxExpr  = 500 // characters
	maxNodes = 120
)

// vocabulary is what an expression may call. Every function has a value for
// attributes that are missing or of another kind, so that computing can hardly
// fail.
func vocabulary(get func(string) string, now time.Time) map[string]any {
	return map[string]any{
		"text":   get,
		"number": func(name string) int { n, _ := Number(get(name)); return n },
		"yes":    func(name string) bool { return get(name) == "yes" },
		"known":  func(name string) bool { return get(name) != "" },
		"count":  func(name string) int { return len(Items(get(name))) },
		"has":    func(name, item string) bool { return slices.Contains(Items(get(name)), item) },
		"length": func(name string) int { return len([]rune(get(name))) },
		"days": func(name string) int { // from today; what is no date is today
			d, err := time.ParseInLocation(time.DateOnly, get(name), now.Location())
			if err != nil {
				return 0
			}
			today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
			return int(math.Round(d.Sub(today).Hours() / 24))
		},
	}
}

// compile reads an expression; truth asks for one that is true or false.
func compile(text string, truth bool) (*Expr, error) {
	if text == "" || len(text) > maxExpr {
		return nil, fmt.Errorf("an expression has 1 to %d characters", maxExpr)
	}
	e := &Expr{Text: text}
	guard := &guard{expr: e}
	options := []expr.Option{
		expr.Env(vocabulary(func(string) string { return "" }, time.Time{})),
		expr.DisableAllBuiltins(), expr.MaxNodes(maxNodes), expr.Patch(guard),
	}
	if truth {
		options = append(options, expr.AsBool())
	}
	program, err := expr.Compile(text, options...)
	if guard.err != nil {
		return nil, guard.err
	}
	if err != nil {
		return nil, errors.New(firstLine(err.Error()))
	}
	e.program = program
	return e, nil
}

func firstLine(text string) string {
	for i, c := range text {
		if c == '\n' {
			return text[:i]
		}
	}
	return text
}

// guard refuses what expressions do not need, and notes what they read.
type guard struct {
	expr *Expr
	err  error
}

// operators are those that an expression may use.
var operators = []string{"and", "&&", "or", "||", "not", "!", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in",
	"contains", "startsWith", "endsWith"}

// Visit looks at one node.
func (g *guard) Visit(node *ast.Node) {
	if g.err != nil {
		return
	}
	switch n := (*node).(type) {
	case *ast.IdentifierNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.ConstantNode, *ast.ConditionalNode:
	case *ast.ArrayNode:
		if len(n.Nodes) > maxNodes {
			g.err = errors.New("the list is too long")
		}
	case *ast.UnaryNode:
		g.operator(n.Operator)
	case *ast.BinaryNode:
		g.operator(n.Operator)
	case *ast.CallNode:
		g.call(n)
	default:
		g.err = errors.New("only values, comparisons, and, or, not, + - * / % and the functions of flows can be used")
	}
}

func (g *guard) operator(name string) {
	if !slices.Contains(operators, name) {
		g.err = fmt.Errorf("the operator %q cannot be used", name)
	}
}

// call wants the name of the attribute written out, so that what is read is
// known before any call.
func (g *guard) call(n *ast.CallNode) {
	if len(n.Arguments) == 0 {
		return // the compiler complains
	}
	name, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		g.err = errors.New("the name of an attribute must be written in quotation marks")
		return
	}
	g.expr.reads = append(g.expr.reads, name.Value)
}

// Truth computes a condition.
func (e *Expr) Truth(get func(string) string, now time.Time) (bool, error) {
	v, err := e.run(get, now)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("%q is neither true nor false", e.Text)
	}
	return b, nil
}

// Value computes what an attribute is set to: true and false become yes and
// no, fractions are rounded down.
func (e *Expr) Value(get func(string) string, now time.Time) (string, error) {
	v, err := e.run(get, now)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		if v {
			return "yes", nil
		}
		return "no", nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		if v = math.Floor(v); math.Abs(v) <= biggestNumber { // also false for NaN
			return strconv.Itoa(int(v)), nil
		}
	}
	return "", fmt.Errorf("%q gives nothing that an attribute can hold", e.Text)
}

func (e *Expr) run(get func(string) string, now time.Time) (v any, err error) {
	machine := vm.VM{MemoryBudget: 10_000}
	v, err = machine.Run(e.program, vocabulary(get, now))
	if err != nil {
		return nil, fmt.Errorf("computing %q: %s", e.Text, firstLine(err.Error()))
	}
	return v, nil
}
