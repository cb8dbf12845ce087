//! The sections of a policy, statement by statement, blocks within blocks.

use larder_client::StartupReport;
use larder_client::policy::{Document, Section, Statement, Step};

use super::page::Page;
use super::statement;
use super::words::Mask;
use crate::settings::Settings;

/// What an explanation needs to know of the configuration.
pub(super) struct Scene<'a> {
    pub(super) report: &'a StartupReport,
    pub(super) mask: &'a Mask,
    pub(super) settings: &'a Settings,
}

/// All sections of a document.
pub(super) fn explain(document: &Document, scene: &Scene<'_>, page: &mut Page) {
    for section in Section::ALL {
        match document.section(section) {
            _ if !document.has_section(section) => page.line(0, &format!("{section}: {}", around(section))),
            [] => page.line(0, &format!("{section}: nothing, not even what the scope around says")),
            steps => {
                page.line(0, section.as_str());
                block(steps, section, scene, page, 1);
            }
        }
    }
}

/// What `<base />` stands for; nobody knows here which scopes there are.
fn around(section: Section) -> &'static str {
    match section {
        Section::Backend => "what the scope around says; around the outermost the backend is asked",
        _ => "what the scope around says; around the outermost there is nothing",
    }
}

fn block(steps: &[Step], section: Section, scene: &Scene<'_>, page: &mut Page, depth: usize) {
    for step in steps {
        let place = step.location.position;
        let at = |title: &str| format!("{}:{} {title}", place.line, place.column);
        match &step.statement {
            Statement::Base => page.line(depth, &at(&format!("base: {}", around(section)))),
            Statement::Choose(choose) => {
                page.line(depth, &at("choose: the first branch whose condition holds"));
                for branch in &choose.branches {
                    page.line(depth + 1, &format!("when {}", scene.mask.setting(&branch.condition)));
                    block(&branch.steps, section, scene, page, depth + 2);
                }
                if !choose.otherwise.is_empty() {
                    page.line(depth + 1, "otherwise");
                    block(&choose.otherwise, section, scene, page, depth + 2);
                }
            }
            Statement::IncludeFragment(include) => {
                page.line(depth, &at(&format!("include-fragment {}", include.fragment.id)));
                block(&include.fragment.steps, section, scene, page, depth + 1);
            }
            other => {
                let told = statement::tell(other, &step.name, scene);
                page.line(depth, &at(&told.title));
                for (about, text) in &told.facts {
                    page.fact(depth + 1, about, text);
                }
                for steps in other.blocks() {
                    page.line(depth + 1, "to make the value:");
                    block(steps, section, scene, page, depth + 2);
                }
            }
        }
    }
}
