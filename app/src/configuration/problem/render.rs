//! How a problem looks: as rustc's do, by rustc's own renderer.

use annotate_snippets::{AnnotationKind, Group, Level, Origin as Where, Padding, Renderer, Snippet, Title};

use super::{
    excerpt::{Excerpt, visible},
    {Origin, Parts, Place},
};

/// Wider than anything that is rendered: what is too long was cut when its excerpt was made.
const WIDTH: usize = 4096;

/// Lays a problem out in lines, without a line break at the end; `styled` colours them for a terminal.
pub(crate) fn render(parts: &Parts, styled: bool) -> String {
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    let places = || parts.place.iter().chain(parts.related.iter().map(|(_, place)| place));
    // Without a number to make room for, this indents as far as numbers of two digits do.
    let renderer = renderer.term_width(WIDTH).anonymized_snippet_line_numbers(!places().any(Place::has_line));
    let messages = messages(parts);
    let title = Level::ERROR.primary_title(visible(&parts.message));
    let (mut groups, mut corrections) = (Vec::new(), Vec::new());
    groups.push(placed(title, parts.place.as_ref(), parts.valid.as_deref(), &mut corrections));
    for (text, place) in &parts.related {
        let title = Level::NOTE.secondary_title(visible(text));
        groups.push(placed(title, Some(place), None, &mut corrections));
    }
    if let Some(last) = groups.pop() {
        let needs_room = !messages.is_empty() && parts.place.is_some();
        let last = if needs_room && !shows_an_excerpt(parts) { last.element(Padding) } else { last };
        groups.push(last.elements(messages));
    }
    let rendered = renderer.render(&groups);
    corrections.into_iter().fold(rendered, |text, (rendered, right)| text.replacen(&rendered, &right, 1))
}

fn shows_an_excerpt(parts: &Parts) -> bool {
    parts.related.last().map(|(_, place)| place).or(parts.place.as_ref()).is_some_and(|place| place.excerpt.is_some())
}

fn placed<'a>(
    title: Title<'a>,
    place: Option<&Place>,
    valid: Option<&str>,
    corrections: &mut Vec<(String, String)>,
) -> Group<'a> {
    let Some(Place { origin, excerpt }) = place else { return Group::with_title(title) };
    let shown = visible(&origin.to_string());
    let Some(excerpt) = excerpt else { return title.element(Where::path(shown)) };
    let (path, line) = match origin {
        Origin::File { path, line, .. } => (visible(&path.display().to_string()), Some(*line)),
        _ => (shown.clone(), None),
    };
    corrections.push((format!("{path}:{}:{}", line.unwrap_or(1), column(excerpt)), shown));
    let label = valid.map(|valid| format!("expected {}", visible(valid)));
    let annotation = AnnotationKind::Primary.span(excerpt.marked()).label(label);
    let snippet = Snippet::source(excerpt.text().to_owned()).path(path).annotation(annotation);
    title.element(snippet.line_start(line.unwrap_or(1)).line_numbering(line.is_some()))
}

/// The column that the renderer tells, which is none of the file's where something before it is covered.
fn column(excerpt: &Excerpt) -> usize {
    excerpt.text()[..excerpt.marked().start].chars().count() + 1
}

fn messages(parts: &Parts) -> Vec<annotate_snippets::Message<'static>> {
    let unlabelled = parts.valid.as_ref().filter(|_| parts.place.as_ref().is_none_or(|place| place.excerpt.is_none()));
    let valid = unlabelled.map(|valid| Level::NOTE.message(format!("expected {}", visible(valid))));
    let notes = parts.notes.iter().map(|note| Level::NOTE.message(visible(note)));
    let meant = parts.meant.iter().map(|meant| Level::HELP.message(format!("did you mean `{}`?", visible(meant))));
    let helps = parts.helps.iter().map(|help| Level::HELP.message(visible(help)));
    let setting = parts.setting.iter();
    let explain =
        setting.map(|path| Level::HELP.message(format!("`app config explain {path}` says what it is and who sets it")));
    valid.into_iter().chain(notes).chain(meant).chain(helps).chain(explain).collect()
}
