//! One table a question: what a text comes to, what it is refused for, when a condition holds.

use serde_json::json;

use super::*;

fn contexts() -> Map<String, Value> {
    let contexts = json!({
        "github": { "ref": "refs/heads/main", "ref_name": "main", "event": { "inputs": {} }, "run_id": "7" },
        "env": { "NAME": "shop", "EMPTY": "" },
        "inputs": { "release": "", "count": 3, "dry": false },
        "needs": {
            "image": { "result": "success", "outputs": { "image": "shop@sha256:1" } },
            "verify": { "result": "skipped", "outputs": {} },
        },
        "steps": { "tag-it": { "outcome": "failure", "conclusion": "success", "outputs": { "release": "v1" } } },
        "matrix": { "group": "quality", "os": ["a", "b"] },
        "list": [{ "name": "apple", "tags": ["x"] }, { "name": "pear", "tags": ["y", "z"] }, { "other": 1 }],
    });
    let Value::Object(contexts) = contexts else { panic!("an object") };
    contexts
}

fn value(text: &str) -> Result<Value, Mistake> {
    let contexts = contexts();
    Expression::parse(text)?.evaluate(&Scope { contexts: &contexts, status: None })
}

#[test]
fn an_expression_comes_to_what_it_does_on_github() {
    let table = [
        // Literals.
        ("null", json!(null)),
        ("true", json!(true)),
        ("711", json!(711)),
        ("-9.2", json!(-9.2)),
        ("0xff", json!(255)),
        ("0o17", json!(15)),
        ("-2.99e-2", json!(-0.0299)),
        (".5", json!(0.5)),
        ("'It''s open source!'", json!("It's open source!")),
        ("''", json!("")),
        // Contexts and what is in them, whatever the case of the letters.
        ("github.ref_name", json!("main")),
        ("GitHub.Ref_Name", json!("main")),
        ("github['ref_name']", json!("main")),
        ("github[format('ref_{0}', 'name')]", json!("main")),
        ("steps.tag-it.outputs.release", json!("v1")),
        ("needs.image.outputs.image", json!("shop@sha256:1")),
        ("matrix.os[1]", json!("b")),
        ("matrix.os['1']", json!("b")),
        ("matrix.os[7]", json!(null)),
        ("matrix.os[-1]", json!(null)),
        // What is not there is nothing, however deep.
        ("github.nothing", json!(null)),
        ("github.nothing.at.all", json!(null)),
        ("github.ref_name.more", json!(null)),
        // Every one of many.
        ("list.*.name", json!(["apple", "pear"])),
        ("list[*].tags[0]", json!(["x", "y"])),
        ("list.*.tags.*", json!(["x", "y", "z"])),
        ("needs.*.result", json!(["success", "skipped"])),
        ("github.ref_name.*", json!([])),
        // Loosely equal.
        ("'Main' == github.ref_name", json!(true)),
        ("'a' != 'b'", json!(true)),
        ("1 == '1'", json!(true)),
        ("'1' == true", json!(true)),
        ("'' == 0", json!(true)),
        ("null == ''", json!(true)),
        ("null == 0", json!(true)),
        ("null == false", json!(true)),
        ("null == null", json!(true)),
        ("'x' == 0", json!(false)),
        ("'x' != 0", json!(true)),
        ("'0xff' == 255", json!(true)),
        ("' 7 ' == 7", json!(true)),
        ("'inf' == 0", json!(false)),
        ("github == github.event", json!(false)),
        ("matrix.os == 'Array'", json!(false)),
        // In order.
        ("2 < 10", json!(true)),
        ("'2' < '10'", json!(false)),
        ("'2' < 10", json!(true)),
        ("'a' < 'B'", json!(true)),
        ("true > false", json!(true)),
        ("null >= null", json!(true)),
        ("null < 1", json!(true)),
        ("'x' < 1", json!(false)),
        ("'x' >= 1", json!(false)),
        ("3 < 2 < 1", json!(true)),
        ("1 < 2 == true", json!(true)),
        // The operand itself, not whether it is true.
        ("inputs.release || github.ref_name", json!("main")),
        ("inputs.release && 'by hand'", json!("")),
        ("null || '' || 0", json!(0)),
        ("github.ref_name && 'yes' || 'no'", json!("yes")),
        ("false && fromJSON('')", json!(false)),
        ("true || fromJSON('')", json!(true)),
        ("!0", json!(true)),
        ("!'false'", json!(false)),
        ("!!'x'", json!(true)),
        ("!github.event", json!(false)),
        ("!2 < 3", json!(true)),
        ("!(2 < 3)", json!(false)),
        ("true || false && false", json!(true)),
        ("(true || false) && false", json!(false)),
        // Functions.
        ("contains('Hello world', 'LLO')", json!(true)),
        ("contains(needs.*.result, 'Skipped')", json!(true)),
        ("contains(needs.*.result, 'failure')", json!(false)),
        ("contains(fromJSON('[1, 2]'), '2')", json!(true)),
        ("contains('a1', 1)", json!(true)),
        ("contains(null, '')", json!(true)),
        ("contains(github, 'ref')", json!(false)),
        ("startsWith(github.ref, 'REFS/heads/')", json!(true)),
        ("endsWith(github.ref, 'main')", json!(true)),
        ("startsWith(github.event, 'O')", json!(false)),
        ("format('{0}-{1}-{0}', 'a', 1)", json!("a-1-a")),
        ("format('{{Hello {0}!}}', 'Mona')", json!("{Hello Mona!}")),
        ("format('{0}', '{1}')", json!("{1}")),
        ("format('{0}{1}{2}', null, true, 1.5)", json!("true1.5")),
        ("format('{0}', 1e21)", json!("1E+21")),
        ("format('{0}', github.event)", json!("Object")),
        ("join(matrix.os)", json!("a,b")),
        ("join(matrix.os, ' + ')", json!("a + b")),
        ("join('a', ', ')", json!("a")),
        ("toJSON(matrix.os)", json!("[\n  \"a\",\n  \"b\"\n]")),
        ("fromJSON('{\"a\": [1, null]}').a[0]", json!(1)),
        ("FROMJSON('true') == true", json!(true)),
        ("fromJSON(toJSON(needs)).image.result", json!("success")),
    ];
    for (text, expected) in table {
        assert_eq!(value(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_expression_is_refused_at_its_place() {
    let deep = format!("{}1{}", "(".repeat(60), ")".repeat(60));
    let table = [
        ("", 0, "ends where a value belongs"),
        ("1 ==", 4, "ends where a value belongs"),
        ("(1", 2, "`)` belongs here"),
        ("a[1", 3, "`]` belongs here"),
        ("1 2", 2, "has ended before this"),
        ("github.ref_name)", 15, "has ended before this"),
        ("github.", 7, "the name of a property"),
        ("github.'x'", 7, "the name of a property"),
        ("\"main\"", 0, "single quotes"),
        ("'main", 0, "nothing ends this string"),
        ("a = b", 2, "`=` means nothing here"),
        ("1 && & 2", 5, "`&` means nothing here"),
        ("1x", 0, "`1x` is no number"),
        ("1e999", 0, "is no number"),
        ("unknown.x", 0, "there is no context `unknown` here; there are env, github"),
        ("1 == unknown", 5, "no context `unknown`"),
        ("false && unknown", 9, "no context `unknown`"),
        ("hashFiles('x')", 0, "there is no function `hashFiles`; there are contains"),
        ("contains('x')", 0, "`contains` takes 2 arguments, and is given 1"),
        ("join()", 0, "`join` takes 1 to 2 arguments"),
        ("format()", 0, "takes at least 1 arguments"),
        ("format('{1}', 'a')", 0, "`{1}` in `{1}` names no argument"),
        ("format('{', 'a')", 0, "stands alone"),
        ("format('}', 'a')", 0, "stands alone"),
        ("fromJSON('')", 0, "an empty text"),
        ("fromJSON('{')", 0, "no JSON"),
        ("1 + 1", 2, "`+` is no number"),
        ("success()", 0, "for the condition of an `if:` alone"),
        (&deep, 51, "no deeper than 50"),
    ];
    for (text, at, message) in table {
        let mistake = value(text).unwrap_err();
        assert!(mistake.at == at && mistake.message.contains(message), "{text}: {mistake:?}");
    }
}

#[test]
fn braces_in_a_text_are_replaced_and_one_alone_keeps_its_type() {
    let contexts = contexts();
    let scope = Scope { contexts: &contexts, status: None };
    let table = [
        ("plain", json!("plain")),
        ("", json!("")),
        (" kept as it is ", json!(" kept as it is ")),
        ("${{ inputs.count }}", json!(3)),
        ("${{ inputs.dry }}", json!(false)),
        ("${{ matrix.os }}", json!(["a", "b"])),
        ("${{ inputs.count }}.", json!("3.")),
        ("a-${{ env.NAME }}-${{ github.nothing }}-b", json!("a-shop--b")),
        ("${{ '}}' }}", json!("}}")),
        ("$ {{ x }}", json!("$ {{ x }}")),
    ];
    for (text, expected) in table {
        assert_eq!(interpolate(text, &scope), Ok(expected), "{text}");
    }
    assert_eq!(interpolate("a ${{ 1", &scope).unwrap_err().at, 2);
    let mistake = interpolate("a ${{ unknown }}", &scope).unwrap_err();
    assert_eq!((mistake.at, mistake.message.contains("`unknown`")), (6, true), "{mistake:?}");
}

#[test]
fn a_condition_without_a_function_for_it_holds_after_success_alone() {
    let contexts = contexts();
    let well = Status { success: true, failure: false };
    let badly = Status { success: false, failure: true };
    let skipped = Status { success: false, failure: false };
    let table = [
        ("", well, true),
        ("", badly, false),
        ("github.ref_name == 'main'", well, true),
        ("github.ref_name == 'main'", badly, false),
        ("github.ref_name == 'other'", well, false),
        ("${{ github.ref_name == 'main' }}", well, true),
        ("${{ inputs.release }}", well, false),
        ("'false'", well, true),
        ("always()", badly, true),
        ("always() && inputs.dry", well, false),
        ("failure()", well, false),
        ("failure()", badly, true),
        ("failure()", skipped, false),
        ("success()", skipped, false),
        ("!success()", skipped, true),
        ("cancelled()", badly, false),
        ("!cancelled()", badly, true),
        ("contains(fromJSON('[true]'), failure())", badly, true),
        ("!cancelled() && needs.image.result == 'success'", skipped, true),
    ];
    for (text, status, expected) in table {
        let scope = Scope { contexts: &contexts, status: Some(status) };
        assert_eq!(condition(text, &scope), Ok(expected), "{text} after {status:?}");
    }
    let scope = Scope { contexts: &contexts, status: Some(well) };
    assert!(condition("${{ false }} x", &scope).unwrap_err().message.contains("one expression"));
    assert_eq!(condition("${{ unknown }}", &scope).unwrap_err().at, 4);
}

#[test]
fn the_expression_that_a_text_is_stands_in_its_braces() {
    for (text, expected) in [
        ("${{ matrix.group }}", Some("matrix.group")),
        (" ${{inputs.a || '}}'}}\n", Some("inputs.a || '}}'")),
        ("${{ a }}${{ b }}", None),
        ("x ${{ a }}", None),
        ("${{ a", None),
        ("a", None),
        ("", None),
    ] {
        assert_eq!(inner(text), expected, "{text}");
    }
}
