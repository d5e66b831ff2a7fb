//! The difference of two texts, line by line, with a little of what is around. Pure.

/// Equal lines that are shown around a difference.
const AROUND: usize = 2;
/// Longer stretches that differ are shown as one, taken out and put in: comparing costs their product.
const COMPARED: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Old,
    New,
}

/// Lines that begin with `-`, `+` or a blank; `…` stands for equal lines that are left out.
pub(super) fn difference(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let marked = compared(&old, &new);
    let near = |index: usize| {
        let from = index.saturating_sub(AROUND);
        let to = (index + AROUND + 1).min(marked.len());
        marked[from..to].iter().any(|(side, _)| *side != Side::Both)
    };
    let mut lines = Vec::new();
    let mut left_out = false;
    for (index, (side, line)) in marked.iter().enumerate() {
        if !near(index) {
            left_out = true;
            continue;
        }
        if std::mem::take(&mut left_out) {
            lines.push("…".to_owned());
        }
        let sign = match side {
            Side::Both => ' ',
            Side::Old => '-',
            Side::New => '+',
        };
        lines.push(format!("{sign} {line}").trim_end().to_owned());
    }
    lines
}

fn compared<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Side, &'a str)> {
    let same = |(one, other): (&&str, &&str)| one.trim_end() == other.trim_end();
    let start = old.iter().zip(new).take_while(|pair| same(*pair)).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|pair| same(*pair)).count();
    let (old_middle, new_middle) = (&old_rest[..old_rest.len() - end], &new_rest[..new_rest.len() - end]);
    let both = |line: &&'a str| (Side::Both, *line);
    let mut marked: Vec<(Side, &str)> = new[..start].iter().map(both).collect();
    marked.extend(middle(old_middle, new_middle));
    marked.extend(new[new.len() - end..].iter().map(both));
    marked
}

/// By the longest common subsequence.
fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Side, &'a str)> {
    if old.len() > COMPARED || new.len() > COMPARED {
        let out = old.iter().map(|line| (Side::Old, *line));
        return out.chain(new.iter().map(|line| (Side::New, *line))).collect();
    }
    let width = new.len() + 1;
    // How long the common subsequence of the rests is, from each pair of places on.
    let mut common = vec![0u16; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i].trim_end() == new[j].trim_end() {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut marked = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i].trim_end() == new[j].trim_end() {
            marked.push((Side::Both, new[j]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || (i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            marked.push((Side::Old, old[i]));
            i += 1;
        } else {
            marked.push((Side::New, new[j]));
            j += 1;
        }
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_with_a_little_around() {
        assert_eq!(difference("a\nb", "a\nb"), [] as [String; 0]);
        assert_eq!(difference("", "x"), ["+ x"]);
        assert_eq!(difference("x\ny", "y"), ["- x", "  y"]);
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9";
        assert_eq!(
            difference(old, "1\n2\n3\n4\nfive\n6\n7\n8\nnine"),
            ["…", "  3", "  4", "- 5", "+ five", "  6", "  7", "  8", "- 9", "+ nine"]
        );
    }
}
