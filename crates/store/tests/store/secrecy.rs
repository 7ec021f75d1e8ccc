//! Nothing that anybody wrote, and no secret, is readable in the state folder.
